package malicious

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// Bounds of one record of OSV, and of what is kept of it.
const (
	maxOSV        = 8 << 20 // bytes
	maxName       = 256     // bytes
	maxVersions   = 20_000
	maxRanges     = 256
	maxSums       = 256
	maxReferences = 3
	maxWhat       = 240 // bytes
	maxURL        = 512 // bytes
)

// osv is a record of OSV (ossf.github.io/osv-schema, 1.7), the fields that are of use.
type osv struct {
	ID         string        `json:"id"`
	Modified   time.Time     `json:"modified"`
	Withdrawn  string        `json:"withdrawn"`
	Details    string        `json:"details"`
	Affected   []osvAffected `json:"affected"`
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
	Specific osvSpecific `json:"database_specific"`
}

type osvAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges []struct {
		Type   string `json:"type"`
		Events []struct {
			Introduced string `json:"introduced"`
			Fixed      string `json:"fixed"`
			Last       string `json:"last_affected"`
		} `json:"events"`
	} `json:"ranges"`
	Versions []string    `json:"versions"`
	Specific osvSpecific `json:"database_specific"`
}

// osvSpecific are signs of a compromise. The hashes under malicious-packages-origins are
// those of reports, and not looked at.
type osvSpecific struct {
	Signs any `json:"iocs"`
}

// recordID is the form of the id of a record that is published.
var recordID = regexp.MustCompile(`^MAL-[12][0-9]{3}-[0-9]{1,9}$`)

// parseOSV reads a record, and makes one of each package that it names. One that is not
// about malicious packages, or was withdrawn, or is about ecosystems that are not known,
// makes none.
func parseOSV(b []byte) ([]Record, time.Time, error) {
	if len(b) > maxOSV {
		return nil, time.Time{}, fmt.Errorf("%w: more than %d bytes", detonaut.ErrLimit, maxOSV)
	}
	var doc osv
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
	}
	if !recordID.MatchString(doc.ID) || doc.Withdrawn != "" {
		return nil, time.Time{}, nil
	}
	var made []Record
	for i := range doc.Affected {
		r, err := doc.record(&doc.Affected[i])
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("%s: %w", doc.ID, err)
		}
		if r != nil {
			made = append(made, *r)
		}
	}
	return made, doc.Modified, nil
}

// record is what is said of one package; nil if it is of an ecosystem that is not known.
func (doc *osv) record(a *osvAffected) (*Record, error) {
	e := ofOSV(a.Package.Ecosystem)
	if e == nil {
		return nil, nil
	}
	name := a.Package.Name
	if e.key(name).Name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%w: %q is no name of a package", detonaut.ErrCorrupt, name)
	}
	if len(a.Versions) > maxVersions {
		return nil, fmt.Errorf("%w: more than %d versions", detonaut.ErrLimit, maxVersions)
	}
	r := &Record{
		Key: e.key(name), Name: name, ID: doc.ID, What: head(doc.Details), Severity: detonaut.Critical, Family: family(name),
	}
	for _, v := range a.Versions {
		if v != "" && len(v) <= maxVersion {
			r.Versions = append(r.Versions, v)
		}
	}
	slices.Sort(r.Versions)
	r.Versions = slices.Compact(r.Versions)
	if err := r.ranges(a); err != nil {
		return nil, err
	}
	for _, ref := range doc.References {
		if len(r.References) < maxReferences && strings.HasPrefix(ref.URL, "https://") && len(ref.URL) <= maxURL {
			r.References = append(r.References, ref.URL)
		}
	}
	for _, signs := range []any{doc.Specific.Signs, a.Specific.Signs} {
		r.Sums = sums(r.Sums, signs, 0)
	}
	return r, nil
}

// ofOSV is an ecosystem by the name that OSV has for it.
func ofOSV(name string) *ecosystem {
	name, _, _ = strings.Cut(name, ":") // a release
	for i := range ecosystems {
		if e := &ecosystems[i]; e.title == name && !e.revised {
			return e
		}
	}
	return nil
}

// ranges takes over the ranges of versions. Without any range and version all are meant.
func (r *Record) ranges(a *osvAffected) error {
	for _, from := range a.Ranges {
		if from.Type != "SEMVER" && from.Type != "ECOSYSTEM" {
			continue
		}
		at := -1 // the range that has no end yet
		for _, event := range from.Events {
			switch {
			case event.Introduced != "":
				if len(r.Ranges) == maxRanges {
					return fmt.Errorf("%w: more than %d ranges", detonaut.ErrLimit, maxRanges)
				}
				if event.Introduced == "0" {
					event.Introduced = ""
				}
				r.Ranges, at = append(r.Ranges, Range{Introduced: event.Introduced}), len(r.Ranges)
			case at < 0:
			case event.Fixed != "":
				r.Ranges[at].Fixed, at = event.Fixed, -1
			case event.Last != "":
				r.Ranges[at].Last, at = event.Last, -1
			}
		}
	}
	for _, x := range r.Ranges {
		if len(x.Introduced) > maxVersion || len(x.Fixed) > maxVersion || len(x.Last) > maxVersion {
			return fmt.Errorf("%w: a version of more than %d bytes", detonaut.ErrLimit, maxVersion)
		}
	}
	if r.All = slices.ContainsFunc(r.Ranges, Range.open); r.All {
		r.Ranges = nil
	}
	if !r.All && len(r.Ranges) == 0 && len(r.Versions) == 0 {
		return errors.New("it names no version")
	}
	return nil
}

// sums are the hashes among signs of a compromise, in whatever form these are: no other
// text is 64 hex digits.
func sums(to []image.Sum, signs any, depth int) []image.Sum {
	if depth > 8 {
		return to
	}
	switch v := signs.(type) {
	case string:
		if sum, ok := parseSum(strings.ToLower(v)); ok && len(to) < maxSums && !slices.Contains(to, sum) {
			to = append(to, sum)
		}
	case []any:
		for _, x := range v {
			to = sums(to, x, depth+1)
		}
	case map[string]any:
		for _, key := range keysOf(v) {
			to = sums(to, v[key], depth+1)
		}
	}
	return to
}

func keysOf(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// boilerplate begins what many records say and what says nothing of this package.
var boilerplate = []string{"---", "_-=", "#", "Credit:", "Any computer that has this package installed", "The package "}

// head is the first sentence of the details that is about this package, in one line;
// empty if there is none.
func head(details string) string {
	for _, part := range strings.Split(details, "\n\n") {
		var lines []string
		for _, line := range strings.Split(part, "\n") {
			if line = strings.TrimSpace(line); len(lines) > 0 || line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		text := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
		said := func(begin string) bool { return strings.HasPrefix(text, begin) }
		if text == "" || slices.ContainsFunc(boilerplate, said) && !strings.Contains(text, "compromised and") {
			continue
		}
		return sentence(text)
	}
	return ""
}

// sentence cuts a text behind its first sentence.
func sentence(text string) string {
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i+1]
	}
	if len(text) > maxWhat {
		return strings.ToValidUTF8(text[:maxWhat], "") + "…"
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
