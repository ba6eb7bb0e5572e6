package names

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// resolveTime bounds the question to a real name server.
const resolveTime = 5 * time.Second

// hidden are top-level domains that no public server knows: special ones
// (RFC 6761, RFC 7686, RFC 9476), and those that networks use inside. The test
// domains "test" and "example" are left out: harmless programs use them.
var hidden = []string{
	"alt", "arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "onion", "private",
}

// secondLevels are the labels under which countries sell names: "co.uk".
var secondLevels = []string{
	"ac", "co", "com", "edu", "gen", "go", "gob", "gouv", "gov", "gv", "ltd", "me", "mil", "ne", "net", "nhs", "nom", "or", "org", "plc", "sch",
}

// standing is what is known of a name.
type standing struct {
	exists bool
	// zone is the one whose SOA record a negative answer carries; empty is the
	// root.
	zone string
	// live is set when a real name server was asked.
	live bool
}

// find looks a canonical name up. Below a domain that exists, everything does:
// many real ones are like that, and so are all that carry data in names. An
// error is that of a real name server.
func (z *Zone) find(ctx context.Context, name string) (standing, error) {
	if a, zone := pointed(name); zone != "" {
		return standing{exists: name == zone || a.IsValid() && z.pointer(a) != "", zone: zone}, nil
	}
	domain, suffix := registered(name)
	if z.opts.Known != nil {
		if exists, known := z.opts.Known(name); known {
			return standing{exists: exists, zone: domain}, nil
		}
	}
	switch {
	case name == "":
		return standing{exists: true}, nil
	case fixedAddrs(name) != nil, named(name).IsValid():
		return standing{exists: true, zone: domain}, nil
	case domain == "" || !topLevel(name[strings.LastIndexByte(name, '.')+1:]):
		return standing{}, nil
	}
	label, _, _ := strings.Cut(domain, ".")
	if !registrable(label) {
		return standing{zone: suffix}, nil
	}
	if z.opts.Resolve != nil {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		defer cancel()
		exists, err := z.opts.Resolve(ctx, name)
		if !errors.Is(err, ErrNotAsked) {
			return standing{exists: exists, zone: domain, live: true}, err
		}
	}
	if !z.opts.ResolveRandom && looksRandom(label) {
		return standing{zone: suffix}, nil
	}
	return standing{exists: true, zone: domain}, nil
}

// registered splits off what somebody bought: domain is that with its suffix,
// such as "example.co.uk" and "co.uk"; both are empty of a single label. It
// knows the pattern of the suffixes and not their list, which has 10,000: all
// who share "github.io" are one to it.
func registered(name string) (domain, suffix string) {
	labels := strings.Split(name, ".")
	n := len(labels)
	if n < 2 {
		return "", ""
	}
	keep := 1
	if n >= 3 && len(labels[n-1]) == 2 && slices.Contains(secondLevels, labels[n-2]) {
		keep = 2
	}
	return strings.Join(labels[n-keep-1:], "."), strings.Join(labels[n-keep:], ".")
}

// topLevel reports whether a top-level domain may be public. It does not know
// them all: they change.
func topLevel(tld string) bool {
	if len(tld) < 2 || len(tld) > 24 || slices.Contains(hidden, tld) {
		return false
	}
	return strings.HasPrefix(tld, "xn--") || !strings.ContainsFunc(tld, func(r rune) bool { return r < 'a' || r > 'z' })
}

// registrable reports whether a registry would sell label (RFC 1123 section
// 2.1, RFC 5890 section 2.3.1).
func registrable(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}
