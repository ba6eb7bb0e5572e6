package plan

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// Network is what the subject can reach.
type Network string

// Networks.
const (
	// None leaves the subject nothing but its own loopback.
	None Network = "none"
	// Simulated answers for every address, inside the chamber: nothing leaves.
	Simulated Network = "simulated"
	// Live dials out through a policy, and simulates what that refuses.
	Live Network = "live"
)

// Internet says how the simulated internet answers, and what a live one
// allows. The zero value of each field is sensible.
type Internet struct {
	// ResolveRandom has names that look random resolved; otherwise they do not
	// exist, which is what malware checks for.
	ResolveRandom bool `json:"resolve_random,omitempty"`
	// NoProbe keeps a silent client from being sent a harmless command, whose
	// answer shows a reverse shell.
	NoProbe bool `json:"no_probe,omitempty"`
	// Answers are canned: the first that fits a request is given.
	Answers []Answer `json:"answers,omitempty"`
	// Trust lists the trust stores of the image that get the run's CA. TrustCut
	// is set when the image is too large, or too strange, to find them all.
	Trust    []TrustStore `json:"trust,omitempty"`
	TrustCut bool         `json:"trust_cut,omitempty"`
	// Egress bounds a live network; nil otherwise.
	Egress *Egress `json:"egress,omitempty"`
	// Record has the answers of a live network recorded. Replay is the path of
	// such a record on this machine; it is emptied in the copy of the plan that
	// goes on the tape.
	Record bool   `json:"record,omitempty"`
	Replay string `json:"replay,omitempty"`
}

// Answer is a canned answer to HTTP requests.
type Answer struct {
	// Host is a host name, "*.example.com" for those below one, or "*".
	Host string `json:"host"`
	// Path is a path with * for any run of characters; empty is any path.
	Path string `json:"path,omitempty"`
	// Status is that of HTTP; 0 is 200.
	Status int `json:"status,omitempty"`
	// Headers are set over the usual ones.
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// TrustStore is one place of the image to which the run's CA is added.
type TrustStore struct {
	// Path is absolute and has no symbolic links.
	Path string    `json:"path"`
	Kind StoreKind `json:"kind"`
}

// StoreKind is the form of a trust store.
type StoreKind string

// Kinds of trust stores.
const (
	PEMBundle  StoreKind = "pem"         // certificates one after the other: appended to
	PEMFile    StoreKind = "pem-file"    // the CA alone, in a file that is made
	HashedDir  StoreKind = "hashed-dir"  // OpenSSL's directory of files named for a hash of the subject
	JKS        StoreKind = "jks"         // a Java key store
	PKCS12     StoreKind = "pkcs12"      // the same, of Java 9 and later
	OpenSSLPEM StoreKind = "trusted-pem" // a bundle of BEGIN TRUSTED CERTIFICATE
)

// Egress is the policy of a live network. Private, loopback, link-local and
// metadata addresses and the ports of mail are refused whatever it says.
type Egress struct {
	// Allow are host names, "*.example.com" for those below one, addresses,
	// prefixes such as "203.0.113.0/24", or "*".
	Allow []string `json:"allow"`
	// Ports that may be dialled; empty is 80 and 443.
	Ports []uint16 `json:"ports,omitempty"`
	// Refuse are prefixes of the operator's own.
	Refuse []string `json:"refuse,omitempty"`
	// Bytes bounds what is sent and received together, Connections how many
	// there are in all, Rate how many may begin in a second.
	Bytes       int64 `json:"bytes"`
	Connections int   `json:"connections"`
	Rate        int   `json:"rate"`
}

// DefaultEgress allows nothing yet, and bounds what will be allowed.
func DefaultEgress() Egress {
	return Egress{Bytes: 64 << 20, Connections: 1000, Rate: 50}
}

// Bounds on what a plan says of the internet.
const (
	maxAnswers = 256
	maxTrust   = 256
)

// validate reports what of n makes no sense under a mode, each with bad.
func (n *Internet) validate(mode Network, bad func(field, format string, args ...any)) {
	switch mode {
	case None, Simulated, Live:
	default:
		bad("network", "%q is unknown", mode)
	}
	if (mode == Live) != (n.Egress != nil) {
		bad("internet.egress", "belongs to a live network, and to no other")
	}
	if n.Record && mode != Live {
		bad("internet.record", "only a live network can be recorded")
	}
	if n.Replay != "" && mode != Simulated {
		bad("internet.replay", "only a simulated network can replay")
	}
	if len(n.Answers) > maxAnswers || len(n.Trust) > maxTrust {
		bad("internet", "more than %d answers or %d trust stores", maxAnswers, maxTrust)
	}
	for i, a := range n.Answers {
		if a.Host == "" || a.Status != 0 && (a.Status < 200 || a.Status > 599) {
			bad(fmt.Sprintf("internet.answers[%d]", i), "needs a host, and a status from 200 to 599")
		}
	}
	for _, s := range n.Trust {
		if !path.IsAbs(s.Path) || path.Clean(s.Path) != s.Path || strings.ContainsRune(s.Path, 0) {
			bad("internet.trust", "%q is not a clean absolute path", s.Path)
		}
		switch s.Kind {
		case PEMBundle, PEMFile, HashedDir, JKS, PKCS12, OpenSSLPEM:
		default:
			bad("internet.trust", "%q is no kind of trust store", s.Kind)
		}
	}
	n.Egress.validate(bad)
}

func (e *Egress) validate(bad func(field, format string, args ...any)) {
	if e == nil {
		return
	}
	if len(e.Allow) == 0 {
		bad("internet.egress.allow", "allows nothing")
	}
	for _, s := range e.Refuse {
		if _, err := netip.ParsePrefix(s); err != nil {
			bad("internet.egress.refuse", "%q is no prefix such as 192.0.2.0/24", s)
		}
	}
	if e.Bytes <= 0 || e.Connections <= 0 || e.Rate <= 0 {
		bad("internet.egress", "bytes, connections and rate must be greater than 0")
	}
}
