// Package indicator says by what an image can be recognised elsewhere, and what it talked to:
// names, addresses, URLs, hashes, wallets and clients, each with what it was seen doing.
//
// It is a pure function of the report. Every string in it is the subject's: whoever shows one
// escapes it. Package report writes them in the formats of others.
package indicator

import "github.com/detonaut/detonaut"

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
// changes nothing in r. More than [Max] of a kind are cut off at the end.
func Of(r *detonaut.Report) []Indicator {
	all, _ := Collect(r)
	return all
}

// Collect is [Of], and tells how many were left out.
func Collect(r *detonaut.Report) (all []Indicator, left int) {
	return nil, 0
}
