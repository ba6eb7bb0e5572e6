package malicious

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// maxDocument is the most bytes of one file of a list.
const maxDocument = 1 << 20

// Records is a list in memory. It is immutable.
type Records struct {
	all    []Record
	byKey  map[Key][]int
	bySum  map[image.Sum][]int
	digest string
}

// document is one file: <ecosystem>.yaml, a list of incidents.
type document []incident

// incident is one thing that happened, to one package or to several.
type incident struct {
	Packages  []named  `yaml:"packages"`
	What      string   `yaml:"what"`
	When      string   `yaml:"when"`
	Family    string   `yaml:"family"`
	Severity  string   `yaml:"severity"`
	Reference []string `yaml:"references"`
}

// named is a package: its name, and bad versions, or "all" if it never had a good one.
type named struct {
	Name     string   `yaml:"name"`
	Versions versions `yaml:"versions"`
	ID       string   `yaml:"id"`
	SHA256   []string `yaml:"sha256"`
}

// versions is a list, or the word all.
type versions struct {
	list []string
	all  bool
}

// UnmarshalYAML reads either.
func (v *versions) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if v.all = n.Value == "all"; !v.all {
			return fmt.Errorf("line %d: versions: want a list, or all", n.Line)
		}
		return nil
	}
	return n.Decode(&v.list)
}

// Load reads a list: the files <ecosystem>.yaml of a file system.
func Load(files fs.FS) (*Records, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list malicious packages: %w", err)
	}
	r := &Records{byKey: map[Key][]int{}, bySum: map[image.Sum][]int{}}
	sum := sha256.New()
	for _, name := range names {
		data, err := readAll(files, name)
		if err != nil {
			return nil, fmt.Errorf("read malicious packages: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
		if err := r.load(Ecosystem(strings.TrimSuffix(name, path.Ext(name))), data); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", detonaut.ErrCorrupt, name, err)
		}
	}
	r.digest = hex.EncodeToString(sum.Sum(nil))
	return r, nil
}

func readAll(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("%w: %s has more than %d bytes", detonaut.ErrLimit, name, maxDocument)
	}
	return data, err
}

func (r *Records) load(name Ecosystem, data []byte) error {
	e := name.known()
	if e == nil {
		return fmt.Errorf("%q is no ecosystem", name)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var doc document
	if err := dec.Decode(&doc); err != nil {
		return err
	}
	for i := range doc {
		if err := doc[i].check(); err != nil {
			return fmt.Errorf("incident %d: %w", i+1, err)
		}
		for j := range doc[i].Packages {
			record, err := doc[i].record(e, &doc[i].Packages[j])
			if err != nil {
				return fmt.Errorf("incident %d: %s: %w", i+1, doc[i].Packages[j].Name, err)
			}
			r.add(record)
		}
	}
	return nil
}

func (r *Records) add(made Record) {
	r.all = append(r.all, made)
	i := len(r.all) - 1
	r.byKey[made.Key] = append(r.byKey[made.Key], i)
	for _, sum := range made.Sums {
		r.bySum[sum] = append(r.bySum[sum], i)
	}
}

// familyName is the form of the name of a family, as that of rules about behaviour.
var familyName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$`)

// check reports the first thing that makes no sense.
func (x *incident) check() error {
	_, err := time.Parse("2006-01", x.When)
	switch {
	case len(x.Packages) == 0:
		return errors.New("it names no package")
	case x.What == "" || !strings.HasSuffix(x.What, ".") || strings.ContainsRune(x.What, '\n'):
		return errors.New("what: want one sentence that says what it did")
	case err != nil:
		return fmt.Errorf("when: %q is no month such as 2018-11", x.When)
	case len(x.Reference) == 0:
		return errors.New("references: want one at least")
	case x.Family != "" && !familyName.MatchString(x.Family):
		return fmt.Errorf("family: %q is no short name in lower case", x.Family)
	case x.Severity != "" && !slices.Contains([]detonaut.Severity{detonaut.High, detonaut.Medium}, detonaut.Severity(x.Severity)):
		return fmt.Errorf("severity: %q is neither high nor medium; without it is critical", x.Severity)
	}
	for _, url := range x.Reference {
		if !strings.HasPrefix(url, "https://") {
			return fmt.Errorf("references: %q is no URL of https", url)
		}
	}
	return nil
}

func (x *incident) record(e *ecosystem, p *named) (r Record, err error) {
	if p.Name == "" || p.Versions.all == (len(p.Versions.list) > 0) {
		return r, errors.New("want a name, and versions or all")
	}
	r = Record{
		Key: e.key(p.Name), Name: p.Name, ID: p.ID, Versions: p.Versions.list, All: p.Versions.all, What: x.What,
		Severity: cmp.Or(detonaut.Severity(x.Severity), detonaut.Critical), Family: x.Family, References: x.Reference, Curated: true,
	}
	if r.Family == "" {
		r.Family = family(p.Name)
	}
	for _, s := range p.SHA256 {
		sum, ok := parseSum(s)
		if !ok {
			return r, fmt.Errorf("sha256: %q is none", s)
		}
		r.Sums = append(r.Sums, sum)
	}
	return r, nil
}

// family is the name of a package as that of a family; empty if it has another form.
func family(name string) string {
	if name = strings.ToLower(name); familyName.MatchString(name) {
		return name
	}
	return ""
}

// emptySum is the hash of nothing: no sign of anything.
var emptySum = image.Sum(sha256.Sum256(nil))

func parseSum(s string) (sum image.Sum, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	copy(sum[:], b)
	return sum, sum != emptySum
}

// All are the records. The list must not be changed.
func (r *Records) All() []Record { return r.all }

// Version is that of the files.
func (r *Records) Version() string { return "rules-" + r.digest[:12] }

// Find implements [List].
func (r *Records) Find(packages []Key, sums []image.Sum) ([]Record, error) {
	var at []int
	for _, key := range packages {
		at = append(at, r.byKey[key]...)
	}
	if len(r.bySum) > 0 {
		for _, sum := range sums {
			at = append(at, r.bySum[sum]...)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	found := make([]Record, len(at))
	for i, n := range at {
		found[i] = r.all[n]
	}
	return found, nil
}
