// Package secret finds keys, tokens and passwords in the files and in the config of an
// image.
//
// Rules, allowlists and thresholds are those of gitleaks; how its expressions are
// run is ours: a content is read once, by an automaton of words that are derived from
// the expressions, and only around such words an expression is run. What is found
// then has to have the structure that it claims to have: a private key is one, a token
// has its checksum. See docs/secrets.md.
//
// A value is never told: see redact.go.
package secret

import (
	"context"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/static"
)

// version changes with what is ours of the analyzer.
const version = "1"

// Analyzer looks for secrets in texts.
type Analyzer struct {
	// Salt is a secret of whoever runs the analyzer, of 16 bytes or more: equal values
	// have equal hashes under one salt, and nobody can try passwords without it. It is
	// kept, and never published. Without one there are no hashes.
	Salt []byte
}

var _ static.Analyzer = Analyzer{}

// Name of the analyzer.
func (Analyzer) Name() string { return "secret" }

// Version of the analyzer. It changes with the rules, and with the salt, which
// findings depend on; it does not tell it.
func (a Analyzer) Version() string {
	v := version + "-" + rulesHash()
	if mark := a.redactor().mark(); mark != "" {
		v += "-" + mark
	}
	return v
}

// maxContainer is the size up to which a key store is looked at, in bytes.
const maxContainer = 1 << 20

// Wants texts of the image, unless all of their places are those of what was published
// with no secret in it, and files named as key stores. It refuses what a run left:
// there the credentials are that Detonaut planted.
func (Analyzer) Wants(f static.File) bool {
	if f.Size == 0 || f.Use != "" {
		return false
	}
	if f.Type == content.Data {
		return f.Size <= maxContainer && slices.ContainsFunc(f.Places, func(p static.Place) bool { return isContainer(p.Path) })
	}
	return isText(f.Type) && (len(f.Places) == 0 || slices.ContainsFunc(f.Places, func(p static.Place) bool { return !published(p.Path) }))
}

// isText tells whether contents of a kind are looked through.
func isText(kind string) bool {
	switch kind {
	case content.Text, content.Mail, content.RTF, content.JSON, content.XML, content.HTML, content.PrivateKey, content.PublicKey, content.Certificate:
		return true
	}
	return kind == content.Script || strings.HasPrefix(kind, content.Script+"-")
}

// Analyze looks through f.
func (a Analyzer) Analyze(ctx context.Context, f static.File) ([]detonaut.Finding, error) {
	rules, err := loaded()
	if err != nil {
		return nil, err
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if f.Type == content.Data {
		return keyStore(in, f.Size)
	}
	matches, err := rules.find(ctx, in, f.Size)
	var all collection
	for i := range matches {
		rules.judge(&matches[i], a.redactor(), func(k kind, summary string, at int64) {
			all.add(k, detonaut.Evidence{Summary: summary, Offset: at})
		})
	}
	return all.findings(), err
}

// maxEvidence is how many pieces of evidence one finding has.
const maxEvidence = 8

// collection is findings, one for each id.
type collection map[string]*detonaut.Finding

func (c *collection) add(k kind, e detonaut.Evidence) {
	if *c == nil {
		*c = collection{}
	}
	f := (*c)[k.id]
	if f == nil {
		f = &detonaut.Finding{
			ID: "secret/" + k.id, Title: k.title(), Meaning: k.meaning(), Severity: k.severity, Confidence: k.confidence, Weakness: true,
		}
		(*c)[k.id] = f
	}
	f.Count++
	if len(f.Evidence) < maxEvidence {
		f.Evidence = append(f.Evidence, e)
	}
}

// findings are sorted by id.
func (c collection) findings() (all []detonaut.Finding) {
	for _, f := range c {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b detonaut.Finding) int { return strings.Compare(a.ID, b.ID) })
	return all
}
