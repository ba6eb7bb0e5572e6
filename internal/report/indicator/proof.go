package indicator

import (
	"slices"
	"strings"
	"unicode"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// proof leads from what is an indicator to the findings that rest on it.
type proof struct {
	event map[uint64][]string // by event of the tape
	word  map[string][]string // by value, as it is in summaries and hashes of the evidence
}

// maxText is how much of a text is searched, in bytes.
const maxText = 8 << 10

// claims tells whether a finding says something of what the image is up to.
func claims(f *detonaut.Finding) bool { return !f.Weakness && f.Suppressed == nil }

func proofOf(findings []detonaut.Finding) proof {
	p := proof{event: map[uint64][]string{}, word: map[string][]string{}}
	for i := range findings {
		f := &findings[i]
		if !claims(f) {
			continue
		}
		for _, e := range f.Evidence {
			for _, n := range e.Events {
				p.event[n] = with(p.event[n], f.ID)
			}
			for w := range words(e.Summary) {
				p.word[w] = with(p.word[w], f.ID)
			}
			if sum, ok := fact.Clean(store.SHA256, e.SHA256); ok {
				p.word[sum] = with(p.word[sum], f.ID)
			}
		}
	}
	return p
}

// with adds an id, once: those of one finding come one after the other.
func with(ids []string, id string) []string {
	if len(ids) > 0 && ids[len(ids)-1] == id {
		return ids
	}
	return append(ids, id)
}

// words are what an indicator may be in a text: what spaces separate, and the names,
// addresses and accounts in that.
func words(text string) map[string]bool {
	all := map[string]bool{}
	text = text[:min(len(text), maxText)]
	for _, w := range strings.Fields(text) {
		all[plainURL(w)] = true
		w = strings.Trim(w, "(),;\"'.")
		all[plainURL(w)] = true
		host, _ := behavior.SplitAddress(behavior.URLAddress(w))
		for _, s := range []string{w, host} {
			if ip, ok := fact.Clean(store.IP, s); ok {
				all[ip] = true
			}
		}
		for _, part := range strings.FieldsFunc(w, func(r rune) bool { return !isName(r) }) {
			all[strings.ToLower(part)] = true
		}
	}
	for _, w := range accounts(text) {
		all[w] = true
	}
	return all
}

// isName tells whether a name of a host has such characters.
func isName(r rune) bool {
	return r == '.' || r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// accounts are the addresses of wallets in a text, sorted.
func accounts(text string) (all []string) {
	text = text[:min(len(text), maxText)]
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if !fact.IsWallet(w) {
			continue
		}
		if account, ok := fact.Clean(store.Wallet, w); ok {
			all = append(all, account)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
