package malicious

import (
	"cmp"
	"slices"
	"strings"
)

// maxVersion is the longest version whose order is told, in bytes.
const maxVersion = 128

// number is a version that has an order: numbers with dots between them, and what comes
// before a release.
type number struct {
	core []string // decimal, without leading zeros
	pre  []string
}

// parse reads a version. Outside of the ecosystems that have semantic versions, each
// orders versions with letters in a way of its own, so that only numbers are read.
func (e *ecosystem) parse(version string) (n number, ok bool) {
	if len(version) > maxVersion {
		return n, false
	}
	version = strings.TrimPrefix(version, "v")
	if e.semantic {
		version, _, _ = strings.Cut(version, "+")
		var pre string
		if version, pre, ok = strings.Cut(version, "-"); ok {
			n.pre = strings.Split(pre, ".")
		}
	}
	for _, part := range strings.Split(version, ".") {
		if !digits(part) {
			return n, false
		}
		n.core = append(n.core, strip(part))
	}
	for len(n.core) > 1 && n.core[len(n.core)-1] == "0" {
		n.core = n.core[:len(n.core)-1] // 1.0 is 1
	}
	return n, true
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// strip takes leading zeros away.
func strip(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}

// compare orders two versions.
func (n number) compare(m number) int {
	if order := slices.CompareFunc(n.core, m.core, compareDecimal); order != 0 {
		return order
	}
	switch {
	case len(n.pre) == 0 && len(m.pre) == 0:
		return 0
	case len(n.pre) == 0:
		return 1
	case len(m.pre) == 0:
		return -1
	}
	return slices.CompareFunc(n.pre, m.pre, func(a, b string) int {
		switch isA, isB := digits(a), digits(b); {
		case isA && isB:
			return compareDecimal(strip(a), strip(b))
		case isA:
			return -1
		case isB:
			return 1
		}
		return strings.Compare(a, b)
	})
}

func compareDecimal(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
