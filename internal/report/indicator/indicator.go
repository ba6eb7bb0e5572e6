// Package indicator says by what an image can be recognised elsewhere, and what it talked to:
// names, addresses, URLs, hashes, wallets and clients, each with what it was seen doing.
//
// It is a pure function of the report. Every string in it is the subject's: whoever shows one
// escapes it. Package report writes them in the formats of others.
package indicator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// Indicator is one of them.
type Indicator struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
	// Ports are those at which a domain or an address was reached, sorted: "tcp/3333".
	Ports []string `json:"ports,omitempty"`
	// Seen is what it was seen doing, in plain words, each once, at most [MaxSeen]. Paths in
	// it are the subject's.
	Seen []string `json:"seen"`
	// Findings are the ids of those that it is part of, sorted. Without any it was just seen:
	// honest programs talk, too.
	Findings []string `json:"findings,omitempty"`
}

// Kind is the kind of an indicator.
type Kind string

// Kinds.
const (
	Domain Kind = "domain"
	URL    Kind = "url"
	// IP is an address that the subject knew by itself: those that the simulated internet made
	// up for names are none.
	IP     Kind = "ip"
	SHA256 Kind = "sha256" // of a payload of the run, or a file that something was found in
	Wallet Kind = "wallet"
	JA4    Kind = "ja4" // of a client of TLS that took no certificate but its own
)

// Kinds lists every kind, in the order of [Of].
func Kinds() []Kind { return []Kind{Domain, URL, IP, SHA256, Wallet, JA4} }

// Bounds of what is made of one report.
const (
	Max     = 1000 // indicators of a kind
	MaxSeen = 6
)

// Of are the indicators of a report: by kind, those of findings first, then by value. It
// changes nothing in r. More than [Max] of a kind are left out.
func Of(r *detonaut.Report) []Indicator {
	all, _ := Collect(r)
	return all
}

// Collect is [Of], and tells how many were left out.
func Collect(r *detonaut.Report) (all []Indicator, left int) {
	c := collection{by: map[Kind]map[string]*Indicator{}, proof: proofOf(r.Findings)}
	if r.Run != nil {
		c.network(r.Run)
		c.contents(r.Run)
	}
	c.files(r)
	c.wallets(r)
	for _, kind := range Kinds() {
		list := c.sorted(kind)
		left += len(list) - min(len(list), Max)
		all = append(all, list[:min(len(list), Max)]...)
	}
	return all, left
}

// collection is what was collected so far.
type collection struct {
	by    map[Kind]map[string]*Indicator
	proof proof
	// answers are addresses that only the simulated internet gave to names.
	answers map[string]bool
}

// add tells of an indicator that it was seen doing something, in events, which may be none.
func (c *collection) add(kind Kind, value, seen string, events ...uint64) *Indicator {
	if c.by[kind] == nil {
		c.by[kind] = map[string]*Indicator{}
	}
	i := c.by[kind][value]
	if i == nil {
		i = &Indicator{Kind: kind, Value: value}
		c.by[kind][value] = i
	}
	if len(i.Seen) < MaxSeen && seen != "" && !slices.Contains(i.Seen, seen) {
		i.Seen = append(i.Seen, seen)
	}
	for _, e := range events {
		i.Findings = append(i.Findings, c.proof.event[e]...)
	}
	return i
}

func (c *collection) sorted(kind Kind) []Indicator {
	list := make([]Indicator, 0, len(c.by[kind]))
	for _, i := range c.by[kind] {
		if kind != Wallet || fact.IsWallet(i.Value) { // the name of an account may be any word
			i.Findings = append(i.Findings, c.proof.word[i.Value]...)
		}
		slices.Sort(i.Findings)
		i.Findings = slices.Compact(i.Findings)
		slices.Sort(i.Ports)
		i.Ports = slices.Compact(i.Ports)
		list = append(list, *i)
	}
	slices.SortFunc(list, func(a, b Indicator) int {
		return cmp.Or(order(len(b.Findings) > 0)-order(len(a.Findings) > 0), strings.Compare(a.Value, b.Value))
	})
	return list
}

func order(found bool) int {
	if found {
		return 1
	}
	return 0
}
