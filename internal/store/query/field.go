package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// Field is something that can be said of an image.
type Field struct {
	// Name is in lower case; Also is another one, if there is.
	Name, Also string
	// Meaning is what is found, in plain words. Example is one value, or all there are.
	Meaning, Example string

	once   bool
	parse  func(q *store.Query, value string) error
	format func(q *store.Query) []string
}

// Fields are all fields, in the order in which Format writes them.
func Fields() []Field { return fields() }

func fields() []Field {
	return []Field{
		words("verdict", "what it was judged to be", detonaut.Words(), func(q *store.Query) *[]detonaut.Word { return &q.Verdicts }),
		words("category", "kind of threat that decided", detonaut.Categories(), func(q *store.Query) *[]detonaut.Category { return &q.Categories }),
		texts("family", "name of the threat that decided", "xmrig", func(q *store.Query) *[]string { return &q.Families }),
		words("severity", "worst known vulnerability", detonaut.Severities(), func(q *store.Query) *[]detonaut.Severity { return &q.Severities }),
		texts("registry", "where the image is from", "docker.io", func(q *store.Query) *[]string { return &q.Registries }),
		texts("platform", "what it runs on", "linux/amd64", func(q *store.Query) *[]string { return &q.Platforms }),
		facts("host", "domain", "it asked for or reached this domain, or reached this address", "evil.example", store.Domain, store.IP),
		facts("port", "", "it reached, or listened at; of TCP, or `udp/53`", "3333", store.Port),
		facts("listen", "", "it listened at", "tcp/22", store.Listen),
		facts("wallet", "", "it mined for this account, or has this address in evidence", "44AFFq5kSiGB…", store.Wallet),
		facts("sha256", "", "a file, a payload or a body in it", "9f86d081884c…", store.SHA256),
		facts("layer", "", "it has this layer, by its digest", "sha256:2cf24dba5fb0…", store.Layer),
		facts("package", "", "it has this package, by its name or its package URL", "hydra", store.Package, store.PackageName),
		facts("vulnerability", "cve", "it has this known vulnerability", "CVE-2026-33937", store.CVE),
		facts("technique", "", "it did this, by MITRE ATT&CK", "T1496", store.Technique),
		facts("rule", "", "this rule found something", "impact/mining-pool", store.RuleID),
		facts("found", "", "something of this family was found, even if that did not decide", "xmrig", store.Family),
		facts("process", "", "a program of this name ran", "sshd", store.Process),
		facts("certificate", "ja4", "fingerprint of a certificate, a host key or a client (JA4, HASSH)", "t13d1516h2_8daaf6152771_b186095e22b6", store.Certificate),
		facts("likeness", "", "a file in it is like others: `imphash:…`, `symbols:…`, `modules:…`", "imphash:f34d5f2d4577…", store.Likeness),
		{
			Name: "pulls", Meaning: "the repository was pulled as often", Example: ">=1000", once: true, parse: parsePulls,
			format: func(q *store.Query) []string {
				if q.MinPulls <= 0 {
					return nil
				}
				return []string{fmt.Sprintf(">=%d", q.MinPulls)}
			},
		},
		{
			Name: "after", Meaning: "analysed on this day or later, or since a time", Example: "2026-01-31", once: true,
			parse:  func(q *store.Query, value string) (err error) { q.After, err = parseTime(value); return err },
			format: func(q *store.Query) []string { return formatTime(q.After) },
		},
		{
			Name: "before", Meaning: "analysed before this day, or a time", Example: "2026-02-28", once: true,
			parse:  func(q *store.Query, value string) (err error) { q.Before, err = parseTime(value); return err },
			format: func(q *store.Query) []string { return formatTime(q.Before) },
		},
		sorting(),
	}
}

// words is a field of which there are only some values; several are separated by commas.
func words[W ~string](name, meaning string, all []W, list func(*store.Query) *[]W) Field {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = string(w)
	}
	return Field{
		Name: name, Meaning: meaning, Example: strings.Join(names, ", "),
		parse: func(q *store.Query, value string) error {
			for w := range strings.SplitSeq(strings.ToLower(value), ",") {
				if !slices.Contains(names, w) {
					return fmt.Errorf("there is no %s %q: there are %s", name, w, strings.Join(names, ", "))
				}
				add(list(q), W(w))
			}
			return nil
		},
		format: func(q *store.Query) (values []string) {
			for _, w := range *list(q) {
				values = append(values, string(w))
			}
			return values
		},
	}
}

// texts is a field of any values, of which case does not matter.
func texts(name, meaning, example string, list func(*store.Query) *[]string) Field {
	return Field{
		Name: name, Meaning: meaning, Example: example,
		parse: func(q *store.Query, value string) error {
			add(list(q), strings.TrimSpace(value))
			return nil
		},
		format: func(q *store.Query) []string { return *list(q) },
	}
}

// facts is a field of the facts of some kinds: of the first whose value it can be.
func facts(name, also, meaning, example string, kinds ...store.Kind) Field {
	return Field{
		Name: name, Also: also, Meaning: meaning, Example: example,
		parse: func(q *store.Query, value string) error {
			for _, k := range kinds {
				if v, ok := fact.Clean(k, value); ok {
					add(&q.Facts, store.Fact{Kind: k, Value: v})
					return nil
				}
			}
			return errors.New(wrong(name))
		},
		format: func(q *store.Query) (values []string) {
			for _, f := range q.Facts {
				if slices.Contains(kinds, f.Kind) {
					values = append(values, f.Value)
				}
			}
			return values
		},
	}
}

// wrong says what the value of a field is not.
func wrong(name string) string {
	switch name {
	case "host":
		return "it is no name of the internet, such as evil.example, and no public address; neither has a port or a path"
	case "port", "listen":
		return "it is no port, such as 3333 or udp/53"
	case "sha256":
		return "it is no SHA-256, which has 64 digits of 0 to 9 and a to f"
	case "layer":
		return "it is no digest, which is sha256: and 64 digits of 0 to 9 and a to f"
	case "technique":
		return "it is no technique of ATT&CK, such as T1496 or T1059.004"
	default:
		return fmt.Sprintf("it is longer than %d bytes", fact.MaxValue)
	}
}

func sorting() Field {
	orders := []store.Order{store.Newest, store.Worst, store.Pulled}
	return Field{
		Name: "sort", Meaning: "what is at the top", Example: "newest, worst, pulls", once: true,
		parse: func(q *store.Query, value string) error {
			q.Order = store.Order(strings.ToLower(value))
			if !slices.Contains(orders, q.Order) {
				return fmt.Errorf("there is no order %q: there are newest, worst, pulls", value)
			}
			if q.Order == store.Newest {
				q.Order = "" // it is what is meant without it
			}
			return nil
		},
		format: func(q *store.Query) []string {
			if q.Order == "" || q.Order == store.Newest {
				return nil
			}
			return []string{string(q.Order)}
		},
	}
}

// add adds a value that is not there yet.
func add[T comparable](list *[]T, v T) {
	if !slices.Contains(*list, v) {
		*list = append(*list, v)
	}
}

// known is the name of a field of which s, in lower case, is a name.
func known(s string) (name string, ok bool) {
	for _, f := range fields() {
		if s == f.Name || f.Also != "" && s == f.Also {
			return f.Name, true
		}
	}
	return "", false
}

// field is the one of a name that is known.
func field(name string) Field {
	all := fields()
	return all[slices.IndexFunc(all, func(f Field) bool { return f.Name == name })]
}

// nearest is the field that somebody may have meant who typed s; empty if s is nearly none.
func nearest(s string) string {
	s = strings.ToLower(s)
	best, least := "", 3
	for _, f := range fields() {
		for _, name := range []string{f.Name, f.Also} {
			slips := 1
			if len(name) > 6 {
				slips = 2
			}
			if d := distance(s, name); len(name) > 3 && d <= slips && d < least {
				best, least = f.Name, d
			}
		}
	}
	return best
}

// distance is how many slips are between two words: a letter too many, one missing, another
// one, two in the wrong order. Both are ASCII.
func distance(a, b string) int {
	if len(a) > 2*len(b)+2 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			other := 1
			if a[i-1] == b[j-1] {
				other = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+other)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
