package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// memory is a store of the tests: what pages ask for, in lists.
type memory struct {
	store.Store // what is not asked for

	mu       sync.Mutex
	entries  []store.Entry // the newest last
	repos    []store.Repository
	subs     map[string]*store.Submission
	progress map[string][]store.Progress
	disputes []store.Dispute
	blobs    map[string][]byte
	fails    error // of everything
	asked    int   // methods that were called
}

func newMemory() *memory {
	return &memory{subs: map[string]*store.Submission{}, progress: map[string][]store.Progress{}, blobs: map[string][]byte{}}
}

// call counts, and fails if that is wanted.
func (m *memory) call() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	return m.fails
}

// put keeps a report and its artifacts.
func (m *memory) put(t *testing.T, r *detonaut.Report, n store.Name, artifacts map[string][]byte) *store.Entry {
	t.Helper()
	e := store.Entry{Report: r, Key: store.Key(r.Fingerprint), Name: n, Stored: time.Date(2026, 11, 30, 0, 0, len(m.entries), 0, time.UTC), Blobs: map[string]string{}}
	for name, b := range artifacts {
		sum := sha256.Sum256(b)
		e.Blobs[name] = hex.EncodeToString(sum[:])
		m.blobs[e.Blobs[name]] = b
	}
	m.entries = append(m.entries, e)
	return &e
}

// Open makes it the blobs, too.
func (m *memory) Open(_ context.Context, sum string) (io.ReadCloser, int64, error) {
	b, ok := m.blobs[sum]
	if !ok {
		return nil, 0, store.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (m *memory) summary(i int) store.Summary {
	e := &m.entries[i]
	r := e.Report
	return store.Summary{
		Seq: int64(i) + 1, Digest: r.Image.Digest, Key: e.Key, Name: e.Name, Verdict: r.Verdict.Word, Sentence: r.Verdict.Sentence, Category: r.Verdict.Category,
		Family: r.Verdict.Family, Vulnerability: r.Verdict.Vulnerability, Platform: r.Image.Platform, Size: r.Image.Size, Pulls: -1, Analysed: r.Started,
	}
}

// newest are the entries that match, the newest of each digest.
func (m *memory) newest(match func(*store.Entry) bool) (found []store.Summary) {
	seen := map[detonaut.Digest]bool{}
	for i := len(m.entries) - 1; i >= 0; i-- {
		if d := m.entries[i].Report.Image.Digest; !seen[d] && match(&m.entries[i]) {
			seen[d] = true
			found = append(found, m.summary(i))
		}
	}
	return found
}

// cut is a page of a list.
func cutPage(all []store.Summary, p store.Page) ([]store.Summary, string, error) {
	from := 0
	if p.Cursor != "" {
		var err error
		if from, err = strconv.Atoi(p.Cursor); err != nil || from < 0 || from > len(all) {
			return nil, "", store.ErrInvalid
		}
	}
	to := min(len(all), from+p.Limit)
	next := ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}

func (m *memory) Get(_ context.Context, d detonaut.Digest, key string) (*store.Entry, error) {
	for i := len(m.entries) - 1; i >= 0; i-- {
		if e := m.entries[i]; e.Report.Image.Digest == d && (key == "" || key == e.Key) {
			return &e, m.call()
		}
	}
	return nil, cmp.Or(m.call(), store.ErrNotFound)
}

func (m *memory) Analyses(_ context.Context, d detonaut.Digest) (found []store.Summary, err error) {
	for i := len(m.entries) - 1; i >= 0; i-- {
		if m.entries[i].Report.Image.Digest == d {
			found = append(found, m.summary(i))
		}
	}
	return found, m.call()
}

func (m *memory) Repository(_ context.Context, registry, name string) (*store.Repository, error) {
	at := slices.IndexFunc(m.repos, func(r store.Repository) bool { return r.Registry == registry && r.Name == name })
	if at < 0 {
		return nil, cmp.Or(m.call(), store.ErrNotFound)
	}
	r := m.repos[at]
	return &r, m.call()
}

func (m *memory) History(_ context.Context, registry, name, tag string, p store.Page) ([]store.Summary, string, error) {
	if err := m.call(); err != nil {
		return nil, "", err
	}
	return cutPage(m.newest(func(e *store.Entry) bool {
		return e.Name.Registry == registry && e.Name.Repository == name && (tag == "" || tag == e.Name.Tag)
	}), p)
}

func (m *memory) Having(_ context.Context, f store.Fact, p store.Page) ([]store.Summary, string, error) {
	if err := m.call(); err != nil {
		return nil, "", err
	}
	return cutPage(m.newest(func(e *store.Entry) bool { return slices.Contains(fact.Of(e.Report), f) }), p)
}

func (m *memory) Prevalence(_ context.Context, facts []store.Fact) (counts []int, err error) {
	of := map[store.Fact]int{}
	for _, e := range m.entries {
		for _, f := range fact.Of(e.Report) {
			of[f]++
		}
	}
	for _, f := range facts {
		counts = append(counts, of[f])
	}
	return counts, m.call()
}

func (m *memory) Find(_ context.Context, q store.Query) (*store.Results, error) {
	if err := m.call(); err != nil {
		return nil, err
	}
	all := m.newest(func(e *store.Entry) bool {
		facts := fact.Of(e.Report)
		return (len(q.Verdicts) == 0 || slices.Contains(q.Verdicts, e.Report.Verdict.Word)) &&
			!slices.ContainsFunc(q.Facts, func(f store.Fact) bool { return !slices.Contains(facts, f) })
	})
	found, next, err := cutPage(all, q.Page)
	if err != nil {
		return nil, err
	}
	r := &store.Results{Total: len(all), Found: found, Next: next}
	if q.Facets {
		r.Facets = map[string][]store.Count{}
		for _, f := range all {
			for name, value := range map[string]string{
				"verdict": string(f.Verdict), "category": string(f.Category), "family": f.Family, "severity": string(f.Vulnerability), "registry": f.Name.Registry, "platform": f.Platform,
			} {
				at := slices.IndexFunc(r.Facets[name], func(c store.Count) bool { return c.Value == value })
				if at < 0 {
					r.Facets[name] = append(r.Facets[name], store.Count{Value: value})
					at = len(r.Facets[name]) - 1
				}
				r.Facets[name][at].Count++
			}
		}
	}
	return r, nil
}

func (m *memory) Numbers(context.Context) (*store.Numbers, error) {
	n := &store.Numbers{Reports: len(m.entries), Repositories: len(m.repos), Days: []store.Count{{Value: "2026-11-29", Count: 1}, {Value: "2026-11-30", Count: 2}}}
	for _, w := range detonaut.Words() {
		n.Verdicts = append(n.Verdicts, store.Count{Value: string(w), Count: len(m.newest(func(e *store.Entry) bool { return e.Report.Verdict.Word == w }))})
	}
	for _, w := range detonaut.Categories() {
		n.Categories = append(n.Categories, store.Count{Value: string(w), Count: 1})
	}
	for _, w := range detonaut.Severities() {
		n.Severities = append(n.Severities, store.Count{Value: string(w), Count: 3})
	}
	for _, e := range m.entries {
		if e.Report.Verdict.Family != "" {
			n.Families = append(n.Families, store.Count{Value: e.Report.Verdict.Family, Count: 1})
		}
	}
	return n, m.call()
}

func (m *memory) Submission(_ context.Context, id string) (*store.Submission, error) {
	if s, ok := m.subs[id]; ok {
		return s, m.call()
	}
	return nil, cmp.Or(m.call(), store.ErrNotFound)
}

func (m *memory) Progress(_ context.Context, id string, after int64, limit int) ([]store.Progress, error) {
	all := m.progress[id]
	from := min(int(after), len(all))
	return all[from:min(len(all), from+limit)], m.call()
}

func (m *memory) AddDispute(_ context.Context, d store.Dispute) error {
	m.disputes = append(m.disputes, d)
	return m.call()
}
