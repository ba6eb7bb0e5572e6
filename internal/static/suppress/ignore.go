package suppress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/anchore/packageurl-go"
	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
)

// anyID is the id of an entry for every vulnerability.
const anyID = "*"

const maxPattern = 512 // bytes

// entry is one entry of an ignore file.
type entry struct {
	file  string
	line  int
	order int // among those of all files

	// One of them is set.
	vulnerability string
	finding       string

	name    string // of the package, or of what it was built from
	purl    *packageurl.PackageURL
	version string
	path    string
	image   imagePattern
	reason  string
	expires time.Time
}

func (e *entry) at() string {
	id := e.vulnerability
	if id == "" {
		id = e.finding
	}
	return fmt.Sprintf("%s:%d: %s", e.file, e.line, id)
}

func (e *entry) before(f *entry) bool { return e.order < f.order }

// end is the first moment at which e does not hold any more: days are those of UTC.
func (e *entry) end() time.Time { return e.expires.AddDate(0, 0, 1) }

func (e *entry) ended(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.end()) }

func (e *entry) suppression() *detonaut.Suppression {
	return &detonaut.Suppression{By: ByIgnore, Source: e.file, Reason: e.reason, Expires: e.expires}
}

// fits tells whether e is about p, its id apart.
func (e *entry) fits(name imageName, p *affected) bool {
	switch {
	case !e.image.fits(name):
		return false
	case e.version != "" && e.version != p.Version:
		return false
	case e.name != "" && e.name != p.Package && e.name != p.source():
		return false
	case e.purl != nil && (p.parsed() == nil || !covers(e.purl, p.parsed())):
		return false
	case e.path == "":
		return true
	}
	for _, place := range p.places() {
		if !e.fitsPath(place) {
			return false
		}
	}
	return len(p.places()) > 0
}

func (e *entry) fitsPath(place string) bool { return doublestar.MatchUnvalidated(e.path, place) }

// parseIgnore reads an ignore file: a list of entries in YAML.
func parseIgnore(name string, b []byte) ([]*entry, error) {
	f := ignoreFile(name)
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(b))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil // an empty file
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", detonaut.ErrUsage, name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: more than one document: put all entries into one list", detonaut.ErrUsage, name)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil // comments only
	}
	if root.Kind != yaml.SequenceNode {
		return nil, f.bad(root, "want a list of entries, each with vulnerability or finding, and reason")
	}
	if len(root.Content) > maxEntries {
		return nil, f.bad(root, "more than %d entries", maxEntries)
	}
	entries := make([]*entry, 0, len(root.Content))
	for _, n := range root.Content {
		e, err := f.entry(n)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ignoreFile is the name of an ignore file.
type ignoreFile string

func (f ignoreFile) bad(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%w: %s:%d: %s", detonaut.ErrUsage, string(f), n.Line, fmt.Sprintf(format, args...))
}

var keys = []string{"vulnerability", "finding", "package", "version", "path", "image", "reason", "expires"}

func (f ignoreFile) entry(n *yaml.Node) (*entry, error) {
	if n.Kind != yaml.MappingNode {
		return nil, f.bad(n, "want an entry: use %s", strings.Join(keys, ", "))
	}
	e := &entry{file: string(f), line: n.Line}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !slices.Contains(keys, key.Value):
			return nil, f.bad(key, "unknown key %q: use %s", key.Value, strings.Join(keys, ", "))
		case seen[key.Value]:
			return nil, f.bad(key, "%s is set twice", key.Value)
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			return nil, f.bad(value, "%s: want one value", key.Value)
		case strings.TrimSpace(value.Value) == "":
			return nil, f.bad(value, "%s is empty", key.Value)
		}
		seen[key.Value] = true
		if err := f.field(e, key.Value, value); err != nil {
			return nil, err
		}
	}
	return e, f.check(e, n)
}

func (f ignoreFile) field(e *entry, key string, n *yaml.Node) error {
	text := strings.TrimSpace(n.Value)
	switch key {
	case "vulnerability":
		if text != anyID && strings.Contains(text, "*") {
			return f.bad(n, "vulnerability: %q: name one, or * for every one of a package or path", text)
		}
		e.vulnerability = text
	case "finding":
		if !strings.Contains(text, "/") {
			return f.bad(n, "finding: %q is no id such as config/no-healthcheck, nor a pattern such as secret/*", text)
		}
		e.finding = text
	case "package":
		return f.pack(e, n, text)
	case "version":
		e.version = text
	case "path":
		if !strings.HasPrefix(text, "/") || len(text) > maxPattern || !doublestar.ValidatePattern(text) {
			return f.bad(n, "path: %q is no pattern such as /opt/app/**", text)
		}
		e.path = text
	case "image":
		e.image = imagePattern(text)
	case "reason":
		if len(text) > maxReason {
			return f.bad(n, "reason: more than %d bytes", maxReason)
		}
		e.reason = text
	case "expires":
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return f.bad(n, "expires: %q is no day such as 2027-01-31", text)
		}
		e.expires = day
	}
	return nil
}

// pack takes the name of a package, or a package URL.
func (f ignoreFile) pack(e *entry, n *yaml.Node, text string) error {
	if !strings.HasPrefix(text, "pkg:") {
		e.name = text
		return nil
	}
	p, err := packageurl.FromString(text)
	switch {
	case err != nil:
		return f.bad(n, "package: %q is no package URL such as pkg:npm/left-pad", text)
	case p.Version != "":
		return f.bad(n, "package: %q has a version: put that into version", text)
	}
	e.purl = &p
	return nil
}

// check reports the first thing in e that makes no sense.
func (f ignoreFile) check(e *entry, n *yaml.Node) error {
	about := e.name != "" || e.purl != nil || e.version != ""
	switch {
	case (e.vulnerability == "") == (e.finding == ""):
		return f.bad(n, "want either vulnerability or finding")
	case e.reason == "":
		return f.bad(n, "an entry without a reason: say why it does not matter")
	case e.finding != "" && about:
		return f.bad(n, "package and version go with vulnerability")
	case e.vulnerability == anyID && !about && e.path == "":
		return f.bad(n, "every vulnerability of everything: say package or path as well")
	}
	return nil
}
