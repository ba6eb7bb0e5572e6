// Package suppress sets aside the vulnerabilities and weaknesses of which somebody
// said that they do not matter: in an ignore file, or in a VEX document (OpenVEX, CSAF,
// CycloneDX). What an image itself does cannot be set aside.
//
// The files are those of whoever runs Detonaut, who answers for what they say. They are
// held to bounds all the same: VEX is written by vendors. The image's strings are
// compared with them, and never taken as patterns.
package suppress

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// Version is that of what the files mean. It changes whenever equal files may set aside
// others than before.
const Version = "1"

// DefaultFile is the name of the ignore file in the working directory.
const DefaultFile = ".detonaut-ignore.yaml"

// Bounds of what is read.
const (
	maxIgnore  = 1 << 20 // bytes of an ignore file
	maxVEX     = 64 << 20
	maxEntries = 10_000    // of all ignore files
	maxClaims  = 1_000_000 // of all documents of VEX: pairs of a statement and a product
	maxReason  = 1000      // bytes
	maxWarned  = 20        // warnings of one kind
)

// The words of [detonaut.Suppression.By].
const (
	ByIgnore = "ignore"
	ByVEX    = "vex"
)

// soon is how long before its end an entry is warned of.
const soon = 14 * 24 * time.Hour

// Files are what is read.
type Files struct {
	// Ignore are ignore files, VEX documents of VEX in any of its formats.
	Ignore, VEX []string
}

// Rules tell what does not count. They are immutable, and safe for any number of
// goroutines. Nil sets nothing aside.
type Rules struct {
	entries []*entry
	byID    map[string][]*entry // of vulnerabilities, in capitals; those for any are under "*"
	claims  claims
	sum     string
}

// Load reads the files. Errors are [detonaut.ErrUsage] and name the file, the line, and
// what to do. Without any file it returns nil.
func Load(files Files) (*Rules, error) {
	if len(files.Ignore)+len(files.VEX) == 0 {
		return nil, nil
	}
	r := &Rules{byID: map[string][]*entry{}, claims: newClaims()}
	var sums []string
	for _, name := range files.Ignore {
		b, err := readFile(name, maxIgnore)
		if err != nil {
			return nil, fmt.Errorf("%w: read ignore file: %w", detonaut.ErrUsage, err)
		}
		if err := r.addIgnore(name, b); err != nil {
			return nil, err
		}
		sums = append(sums, sum(b))
	}
	for _, name := range files.VEX {
		b, err := readFile(name, maxVEX)
		if err != nil {
			return nil, fmt.Errorf("%w: read VEX: %w", detonaut.ErrUsage, err)
		}
		if err := r.claims.read(name, b); err != nil {
			return nil, err
		}
		sums = append(sums, sum(b))
	}
	slices.Sort(sums)
	r.sum = sum([]byte(strings.Join(sums, "\n")))
	return r, nil
}

func (r *Rules) addIgnore(name string, b []byte) error {
	entries, err := parseIgnore(name, b)
	if err != nil {
		return err
	}
	if len(r.entries)+len(entries) > maxEntries {
		return fmt.Errorf("%w: %s: more than %d entries in all: take out those that match nothing any more", detonaut.ErrUsage, name, maxEntries)
	}
	for _, e := range entries {
		e.order = len(r.entries)
		r.entries = append(r.entries, e)
		if id := strings.ToUpper(e.vulnerability); id != "" {
			r.byID[id] = append(r.byID[id], e)
		}
	}
	return nil
}

// Version names the rules for the fingerprint of a report, as "suppress@..."; it is
// empty if there are none. The day on which an entry ends is not in it.
func (r *Rules) Version() string {
	if r == nil {
		return ""
	}
	return "suppress@" + Version + "+" + r.sum[:12]
}

// Apply parts the vulnerabilities of an image into those that count and those that do
// not, both in the order of found; the latter are whole, with the reason in Suppressed.
// inv may be nil: it tells where else a package is and what it was built from.
//
// The warnings, in the order of the files, name entries that have ended or soon will,
// entries that match nothing, and documents that say nothing of this image. They may
// have strings of the image: escape them. Call it only where vulnerabilities were looked
// for: otherwise nothing matches.
func (r *Rules) Apply(img detonaut.Image, inv *detonaut.Inventory, found []detonaut.Vulnerability, now time.Time) (kept, suppressed []detonaut.Vulnerability, warnings []string) {
	if r == nil {
		return found, nil, nil
	}
	name := nameOf(img)
	packages := newPackages(inv)
	used := map[*entry]bool{}
	for i := range found {
		v := &found[i]
		p := packages.of(v)
		why := r.ignored(name, p, now, used)
		if said := r.claims.about(name, p); why == nil && said != nil {
			why = said.suppression()
		}
		if why == nil {
			kept = append(kept, *v)
			continue
		}
		aside := *v
		aside.Suppressed = why
		suppressed = append(suppressed, aside)
	}
	warnings = r.warnings(name, now, used, func(e *entry) bool { return e.vulnerability != "" })
	return kept, suppressed, append(warnings, r.claims.warnings()...)
}

// ignored is the reason of the first entry for a vulnerability that holds; nil if there
// is none. Every entry that is about it is used.
func (r *Rules) ignored(name imageName, p *affected, now time.Time, used map[*entry]bool) *detonaut.Suppression {
	var first *entry
	for _, id := range append(p.ids(), anyID) {
		for _, e := range r.byID[id] {
			if !e.fits(name, p) {
				continue
			}
			used[e] = true
			if !e.ended(now) && (first == nil || e.before(first)) {
				first = e
			}
		}
	}
	if first == nil {
		return nil
	}
	return first.suppression()
}

// ApplyFindings marks those weaknesses of an image that entries are about, in place. A
// finding that was made at several places is marked only if entries are about all of
// them. The warnings are those of [Rules.Apply], and name entries about a finding that is
// no weakness: such an entry has no effect.
func (r *Rules) ApplyFindings(img detonaut.Image, findings []detonaut.Finding, now time.Time) (warnings []string) {
	if r == nil {
		return nil
	}
	name := nameOf(img)
	used := map[*entry]bool{}
	var more []string
	for i := range findings {
		f := &findings[i]
		var about []*entry
		for _, e := range r.entries {
			if e.finding == "" || !e.image.fits(name) || !star(e.finding, f.ID) {
				continue
			}
			used[e] = true
			switch {
			case e.ended(now):
			case !f.Weakness:
				more = append(more, fmt.Sprintf("%s: %s is no weakness but what the image itself does or has: it is not ignored", e.at(), f.ID))
			default:
				about = append(about, e)
			}
		}
		f.Suppressed = cover(f, about)
		if f.Suppressed == nil && len(about) > 0 {
			more = append(more, fmt.Sprintf("%s: %s was found at other places as well: it is not ignored", about[0].at(), f.ID))
		}
	}
	warnings = r.warnings(name, now, used, func(e *entry) bool { return e.finding != "" })
	return append(warnings, more[:min(len(more), maxWarned)]...)
}

// cover is the reason why none of the places of a finding counts; nil if one does.
func cover(f *detonaut.Finding, about []*entry) *detonaut.Suppression {
	if len(about) == 0 {
		return nil
	}
	for _, e := range about {
		if e.path == "" {
			return e.suppression()
		}
	}
	if f.Count > len(f.Evidence) {
		return nil // some places are not told
	}
	var all *detonaut.Suppression
	for i := range f.Evidence {
		at := slices.IndexFunc(about, func(e *entry) bool { return f.Evidence[i].Path != "" && e.fitsPath(f.Evidence[i].Path) })
		if at < 0 {
			return nil
		}
		why := about[at].suppression()
		switch {
		case all == nil:
			all = why
		case !why.Expires.IsZero() && (all.Expires.IsZero() || why.Expires.Before(all.Expires)):
			all.Expires = why.Expires
		}
	}
	return all
}

// warnings tells of the entries of one kind that are for this image.
func (r *Rules) warnings(name imageName, now time.Time, used map[*entry]bool, kind func(*entry) bool) (warnings []string) {
	stale := 0
	for _, e := range r.entries {
		if !kind(e) || !e.image.fits(name) {
			continue
		}
		day := e.expires.Format(time.DateOnly)
		switch {
		case e.ended(now):
			warnings = append(warnings, fmt.Sprintf("%s: expired on %s and no longer counts: look at it again, then take it out or give it another day", e.at(), day))
		case !used[e]:
			if stale++; stale <= maxWarned {
				warnings = append(warnings, fmt.Sprintf("%s: matches nothing: take it out if it is not needed any more", e.at()))
			}
		case !e.expires.IsZero() && e.end().Sub(now) <= soon:
			warnings = append(warnings, fmt.Sprintf("%s: expires on %s", e.at(), day))
		}
	}
	if stale > maxWarned {
		warnings = append(warnings, fmt.Sprintf("%d more entries match nothing", stale-maxWarned))
	}
	return warnings
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// readFile reads a file of at most so many bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errors.New(name + ": more than " + fmt.Sprint(limit) + " bytes")
	}
	return b, err
}
