package index_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/index"
)

// memory is a database of maps, and a search that looks at every report.
type memory struct {
	mu      sync.Mutex
	seq     int64
	reports map[detonaut.Digest][]kept // the newest last
	dropped map[detonaut.Digest]int64
	pulls   map[store.Name]pulled
	asked   int // how often for facts
}

type kept struct {
	store.Summary
	facts []store.Fact
}

type pulled struct{ pulls, seq int64 }

func newMemory() *memory {
	return &memory{
		reports: make(map[detonaut.Digest][]kept), dropped: make(map[detonaut.Digest]int64), pulls: make(map[store.Name]pulled),
	}
}

func (m *memory) next() int64 { m.seq++; return m.seq }

func (m *memory) put(s store.Summary, facts ...store.Fact) store.Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Seq = m.next()
	list := slices.DeleteFunc(m.reports[s.Digest], func(k kept) bool { return k.Key == s.Key })
	m.reports[s.Digest] = append(list, kept{s, facts})
	return m.now(s)
}

// drop forgets the newest report of a digest.
func (m *memory) drop(d detonaut.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.reports[d]
	if len(list) == 0 {
		return
	}
	m.dropped[d] = m.next()
	if list = list[:len(list)-1]; len(list) == 0 {
		delete(m.reports, d)
		return
	}
	list[len(list)-1].Seq = m.next()
	m.reports[d] = list
}

func (m *memory) pull(n store.Name, pulls int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n.Tag = ""
	m.pulls[n] = pulled{pulls, m.next()}
}

// now is a summary with the pulls that are known now.
func (m *memory) now(s store.Summary) store.Summary {
	s.Pulls = -1
	if p, ok := m.pulls[store.Name{Registry: s.Name.Registry, Repository: s.Name.Repository}]; ok {
		s.Pulls = p.pulls
	}
	return s
}

func (m *memory) newest() (all []kept) {
	for _, list := range m.reports {
		k := list[len(list)-1]
		k.Summary = m.now(k.Summary)
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

func (m *memory) Changes(_ context.Context, after int64, tell func(index.Change) error) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if after == m.seq {
		return m.seq, nil
	}
	for _, k := range m.newest() {
		if k.Seq > after {
			if err := tell(index.Change{Report: &k.Summary}); err != nil {
				return 0, err
			}
		}
	}
	for n, p := range m.pulls {
		if p.seq > after && after > 0 {
			if err := tell(index.Change{Pulled: &n, Pulls: p.pulls}); err != nil {
				return 0, err
			}
		}
	}
	for d, n := range m.dropped {
		if n > after && after > 0 {
			if err := tell(index.Change{Dropped: d, Number: n}); err != nil {
				return 0, err
			}
		}
	}
	return m.seq, nil
}

func (m *memory) Having(_ context.Context, f store.Fact, after, upTo int64) (seqs []int64, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	for _, k := range m.newest() {
		if k.Seq > after && k.Seq <= upTo && slices.Contains(k.facts, f) {
			seqs = append(seqs, k.Seq)
		}
	}
	return seqs, nil
}

// find is a search by the words of the contract, all of it on one page.
func (m *memory) find(q store.Query) *store.Results {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &store.Results{Found: []store.Summary{}, Facets: map[string][]store.Count{}}
	counts := map[string]map[string]int{"verdict": {}, "category": {}, "family": {}, "severity": {}, "registry": {}, "platform": {}}
	for _, k := range m.newest() {
		if !matches(k, q) {
			continue
		}
		s := k.Summary
		r.Found = append(r.Found, s)
		for name, value := range map[string]string{
			"verdict": string(s.Verdict), "category": string(s.Category), "family": s.Family, "severity": string(s.Vulnerability),
			"registry": s.Name.Registry, "platform": s.Platform,
		} {
			if value != "" {
				counts[name][value]++
			}
		}
	}
	r.Total = len(r.Found)
	slices.SortFunc(r.Found, func(a, b store.Summary) int {
		order := cmp.Compare(b.Seq, a.Seq)
		switch q.Order { //nolint:exhaustive // the newest first is what is left
		case store.Worst:
			order = cmp.Or(cmp.Compare(b.Verdict.Rank(), a.Verdict.Rank()), cmp.Compare(b.Vulnerability.Rank(), a.Vulnerability.Rank()), order)
		case store.Pulled:
			order = cmp.Or(cmp.Compare(b.Pulls, a.Pulls), order)
		}
		return order
	})
	for name, of := range counts {
		r.Facets[name] = most(of)
	}
	return r
}

func most(of map[string]int) []store.Count {
	list := []store.Count{}
	for _, v := range slices.Sorted(maps.Keys(of)) {
		list = append(list, store.Count{Value: v, Count: of[v]})
	}
	slices.SortStableFunc(list, func(a, b store.Count) int { return cmp.Compare(b.Count, a.Count) })
	return list[:min(20, len(list))]
}

func matches(k kept, q store.Query) bool {
	fold := func(list []string, s string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
	}
	for _, f := range q.Facts {
		if !slices.Contains(k.facts, f) {
			return false
		}
	}
	for _, w := range q.Text {
		if !says(k.Summary, w) {
			return false
		}
	}
	return (len(q.Verdicts) == 0 || slices.Contains(q.Verdicts, k.Verdict)) &&
		(len(q.Categories) == 0 || slices.Contains(q.Categories, k.Category)) &&
		(len(q.Severities) == 0 || slices.Contains(q.Severities, k.Vulnerability)) &&
		fold(q.Families, k.Family) && fold(q.Registries, k.Name.Registry) && fold(q.Platforms, k.Platform) &&
		(q.MinPulls <= 0 || k.Pulls >= q.MinPulls) &&
		(q.After.IsZero() || !k.Analysed.Before(q.After)) && (q.Before.IsZero() || k.Analysed.Before(q.Before))
}

// says tells whether a word is in a summary.
func says(s store.Summary, word string) bool {
	word, begins := strings.CutSuffix(strings.ToLower(word), "*")
	name := s.Name.Repository
	if s.Name.Registry != "" {
		name = s.Name.Registry + "/" + name
	}
	if s.Name.Tag != "" {
		name += ":" + s.Name.Tag
	}
	for _, text := range []string{name, s.Family, s.Sentence} {
		text = strings.ToLower(text)
		for i := range len(text) + 1 {
			if strings.HasPrefix(text[i:], word) && (!begins || i == 0 || i == len(text) || !letter(text[i-1]) || !letter(text[i])) {
				return true
			}
		}
	}
	digest := string(s.Digest)
	_, digits, _ := strings.Cut(digest, ":")
	if strings.HasPrefix(word, "sha256:") {
		return word != "sha256:" && strings.HasPrefix(digest, word)
	}
	return len(word) >= 6 && !strings.HasPrefix("sha256:", word) && (strings.HasPrefix(digest, word) || strings.HasPrefix(digits, word))
}

func letter(b byte) bool {
	return b >= 0x80 || strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyz", b) >= 0
}

// some is one of a list.
func some[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func digest(n int) detonaut.Digest {
	return detonaut.Digest(fmt.Sprintf("sha256:%064x", uint64(n)*0x9E3779B97F4A7C15))
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// summary is a report as there are some, or as there are none.
func summary(r *rand.Rand, n int) store.Summary {
	s := store.Summary{
		Digest: digest(n), Key: fmt.Sprintf("%016x", r.IntN(3)),
		Name: store.Name{
			Registry:   some(r, "docker.io", "docker.io", "docker.io", "ghcr.io", "localhost:5000", ""),
			Repository: some(r, "library/nginx", "library/redis", "evil/miner", "Evil/Miner", "straße/ÄÖ", "a:b", ""),
			Tag:        some(r, "latest", "1.27", "1.27-alpine", "v2", "", "V2", "ä:b"),
		},
		Verdict:       some(r, append(detonaut.Words(), "strange")...),
		Sentence:      some(r, "Nothing bad was seen, and nothing was missed.", "It mines (xmrig).", "It mines (XMRig), and holds tools.", "", "ÉTÉ 100%", "it mines (xmrig)."),
		Category:      some(r, detonaut.Miner, detonaut.Backdoor, "", "new"),
		Family:        some(r, "xmrig", "XMRig", "kinsing", "", "mirai", fmt.Sprintf("f%d", r.IntN(40))),
		Vulnerability: some(r, append(detonaut.Severities(), "")...),
		Platform:      some(r, "linux/amd64", "linux/arm64/v8", "windows/amd64"),
		Size:          r.Int64N(1 << 40),
		Analysed:      start.Add(time.Duration(r.IntN(300*24)) * time.Hour),
	}
	switch r.IntN(20) {
	case 0:
		s.Digest = detonaut.Digest(fmt.Sprintf("sha512:%0128x", n))
	case 1:
		s.Digest, s.Key = detonaut.Digest(fmt.Sprintf("odd%d", n)), "k"
	case 2:
		s.Key, s.Analysed = "KEY", time.Time{}
	}
	return s
}

var someFacts = []store.Fact{
	{Kind: store.Domain, Value: "evil.example"}, {Kind: store.Port, Value: "tcp/3333"}, {Kind: store.PackageName, Value: "hydra"}, {Kind: store.CVE, Value: "CVE-2026-1"},
}

func facts(r *rand.Rand) (list []store.Fact) {
	for i, f := range someFacts {
		if r.IntN(i*i+1) == 0 {
			list = append(list, f)
		}
	}
	return list
}

func anyQuery(r *rand.Rand) store.Query {
	q := store.Query{Facets: true, Order: some(r, "", store.Newest, store.Worst, store.Pulled), Page: store.Page{Limit: some(r, 7, 50, 200)}}
	for range r.IntN(3) {
		switch r.IntN(11) {
		case 0:
			q.Verdicts = append(q.Verdicts, some(r, append(detonaut.Words(), "strange", "none")...))
		case 1:
			q.Categories = append(q.Categories, some(r, detonaut.Miner, detonaut.Backdoor, detonaut.Worm, "new"))
		case 2:
			q.Families = append(q.Families, some(r, "xmrig", "XMRIG", "kinsing", "none", "f1"))
		case 3:
			q.Severities = append(q.Severities, some(r, detonaut.Severities()...))
		case 4:
			q.Registries = append(q.Registries, some(r, "docker.io", "GHCR.io", "none", "localhost:5000"))
		case 5:
			q.Platforms = append(q.Platforms, some(r, "linux/amd64", "windows/amd64"))
		case 6:
			q.Facts = append(q.Facts, some(r, append(someFacts, store.Fact{Kind: store.IP, Value: "1.2.3.4"})...))
		case 7:
			q.MinPulls = some(r, int64(1), 1000, 1_000_000)
		case 8:
			q.After = start.Add(time.Duration(r.IntN(300*24)) * time.Hour)
		case 9:
			q.Before = start.Add(time.Duration(r.IntN(300*24)) * time.Hour)
		default:
			q.Text = append(q.Text, word(r))
		}
	}
	return q
}

func word(r *rand.Rand) string {
	d := string(digest(r.IntN(100)))
	return some(r, "nginx", "NGINX:1.27", "io/lib", "library/nginx:1.27-a", "mi", "mi*", "xmr*", "rig*", "mrig", "it mines", "x", "*", ":", ":v2", ":v2*",
		"er:l", "er:l*", "straße", "äö", "b:ä:b", "é*", "100%", "sha256", "sha256:", "odd1", "odd123", "sha512:00000", "localhost:5000/library",
		d, strings.ToUpper(d), d[:9], d[:12], d[7:], d[7:12], d[7:13], d[7:16]+"*", d+"0", "zzzzzz", "docker.io/", "")
}
