package suppress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
)

// status is one of VEX, in the words of OpenVEX.
type status string

const (
	notAffected        status = "not_affected"
	isAffected         status = "affected"
	fixed              status = "fixed"
	underInvestigation status = "under_investigation"
)

// sets tells whether a vulnerability of this status does not count.
func (s status) sets() bool { return s == notAffected || s == fixed }

// statement is what a document says of one vulnerability and some products.
type statement struct {
	file   string
	status status
	reason string
	// at is when it was said; zero if the document does not tell.
	at time.Time
}

func (s *statement) suppression() *detonaut.Suppression {
	if !s.status.sets() {
		return nil
	}
	return &detonaut.Suppression{By: ByVEX, Source: s.file, Reason: s.reason, Status: string(s.status)}
}

// claim is a statement about one package, or about all of an image.
type claim struct {
	*statement
	pack  *target // nil is every package of the image
	image *target // nil is every image
}

// claims are those of all documents.
type claims struct {
	// by are the claims about a vulnerability and a package, by the id in capitals and
	// the key of the target; those about every package have an empty key.
	by    map[[2]string][]claim
	count int
	// notes are warnings about what was read.
	notes []string
}

func newClaims() claims { return claims{by: map[[2]string][]claim{}} }

// errTooMany is told when the documents together say more than is kept.
var errTooMany = fmt.Errorf("more than %d pairs of a statement and a product in all documents: leave some out", maxClaims)

// add notes a claim about each of the ids.
func (c *claims) add(ids []string, made claim) error {
	if made.pack == nil && made.image == nil {
		return nil
	}
	key := ""
	if made.pack != nil {
		key = made.pack.key()
	}
	for _, id := range ids {
		if c.count++; c.count > maxClaims {
			return errTooMany
		}
		at := [2]string{strings.ToUpper(id), key}
		c.by[at] = append(c.by[at], made)
	}
	return nil
}

// about is the latest statement about a vulnerability of an image; nil if there is none.
// Of equally old ones that disagree it is one that leaves the vulnerability as it is.
func (c *claims) about(name imageName, a *affected) *statement {
	if c.count == 0 {
		return nil
	}
	keys := []string{""}
	if a.purl != nil {
		keys = append(keys, purlKey(a.purl))
	}
	seen := map[string]bool{}
	for _, p := range a.cpes {
		if key := "cpe:" + p.product; !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	var last *statement
	for _, id := range a.ids() {
		for _, key := range keys {
			for _, said := range c.by[[2]string{id, key}] {
				if said.pack != nil && !said.pack.fitsPackage(a) || said.image != nil && !said.image.fitsImage(name) {
					continue
				}
				if last == nil || said.at.After(last.at) || said.at.Equal(last.at) && last.status.sets() && !said.status.sets() {
					last = said.statement
				}
			}
		}
	}
	return last
}

func (c *claims) warnings() []string { return c.notes }

// read takes over a document, in the format that it is in.
func (c *claims) read(name string, b []byte) error {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var head struct {
		Context   json.RawMessage `json:"@context"`
		BOMFormat string          `json:"bomFormat"`
		Document  struct {
			Version string `json:"csaf_version"`
		} `json:"document"`
	}
	err := json.Unmarshal(b, &head)
	if err == nil {
		d := &document{file: name, claims: c}
		switch {
		case head.BOMFormat == "CycloneDX":
			err = d.cycloneDX(b)
		case head.Document.Version == "2.0":
			err = d.csaf(b)
		case head.Document.Version != "":
			err = fmt.Errorf("CSAF %q: only 2.0 is understood", head.Document.Version)
		case strings.Contains(string(head.Context), "openvex.dev/ns"):
			err = d.openVEX(b)
		default:
			err = errors.New("it is none of OpenVEX, CSAF 2.0 and CycloneDX, as JSON")
		}
		if err == nil && d.unclear > 0 {
			c.notes = append(c.notes, fmt.Sprintf("%s: %d of %d statements name no product by package URL, CPE, name or digest of an image: they have no effect", name, d.unclear, d.statements))
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s%s: %w", detonaut.ErrUsage, name, lineOf(b, err), err)
	}
	return nil
}

// lineOf is the line in which the JSON is wrong, as ":12"; empty if that is not known.
func lineOf(b []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := int64(-1)
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	if at < 0 || at > int64(len(b)) {
		return ""
	}
	return fmt.Sprintf(":%d", 1+bytes.Count(b[:at], []byte("\n")))
}

// document is one that is read.
type document struct {
	file   string
	claims *claims
	// statements are how many it makes, unclear those without a product that is
	// understood.
	statements, unclear int
}

// say notes what is said about one vulnerability and some products.
func (d *document) say(s statement, ids []string, products []product) error {
	d.statements++
	s.file = d.file
	made := 0
	for _, p := range products {
		for _, t := range p.claims() {
			t.statement = &s
			made++
			if err := d.claims.add(ids, t); err != nil {
				return err
			}
		}
	}
	if made == 0 {
		d.unclear++
	}
	return nil
}

// product is something that a statement is about, by any of its names, and what it is
// about in it.
type product struct {
	names []target
	// within are the packages in the product, each by any of its names; none of all.
	within []target
	// partly is set when it is about parts of the product only.
	partly bool
}

// claims are what a statement about p says. A package is meant wherever it is. Of an
// image only the packages within it are meant, if it is about some.
func (p *product) claims() (made []claim) {
	for i := range p.names {
		t := &p.names[i]
		if !t.isImage() {
			made = append(made, claim{pack: t})
			continue
		}
		if !p.partly {
			made = append(made, claim{image: t})
			continue
		}
		for j := range p.within {
			if in := &p.within[j]; !in.isImage() {
				made = append(made, claim{image: t, pack: in})
			}
		}
	}
	return made
}

// addTarget appends what an identifier stands for, if it is understood.
func addTarget(to []target, id string) []target {
	if t, ok := parseTarget(strings.TrimSpace(id)); ok {
		return append(to, t)
	}
	return to
}

// addCPE is the same for a CPE. It tells less than a package URL, so that it counts only
// where there is none.
func addCPE(to []target, id string) []target {
	if slices.ContainsFunc(to, func(t target) bool { return t.purl != nil }) {
		return to
	}
	return addTarget(to, id)
}

// because makes the reason of what people and machines say about it.
func because(who string, parts ...string) string {
	var said []string
	for _, p := range parts {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			said = append(said, p)
		}
	}
	if len(said) == 0 {
		if who = strings.Join(strings.Fields(who), " "); who != "" {
			who = " by " + who
		}
		return limit("no justification was given" + who)
	}
	return limit(strings.Join(said, ": "))
}

// limit shortens a text to what a reason may have.
func limit(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= maxReason {
		return s
	}
	end := maxReason - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// moment reads a time; the first that is there counts.
func moment(texts ...string) (time.Time, error) {
	for _, text := range texts {
		if text != "" {
			return time.Parse(time.RFC3339, text)
		}
	}
	return time.Time{}, nil
}
