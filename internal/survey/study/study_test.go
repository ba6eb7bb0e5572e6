package study_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// truth counts what a population has, by hand: images once, repositories that have one, and
// their pulls.
type truth struct{ images, repositories, pulls float64 }

func (p *population) truth(in func(c *store.Candidate) bool, is func(m *measure.Measure) bool) (t truth) {
	seen := map[detonaut.Digest]bool{}
	for _, r := range p.repositories {
		if !in(&r.Candidate) {
			continue
		}
		has := false
		for _, i := range r.items {
			if i.Item.State != store.ItemDone || !is(i.Measured) {
				continue
			}
			has = true
			if !seen[i.Item.Digest] {
				seen[i.Item.Digest] = true
				t.images++
			}
		}
		if has {
			t.repositories++
			t.pulls += float64(max(0, r.Pulls))
		}
	}
	return t
}

func everything(*store.Candidate) bool { return true }

// claim is a row, and what it claims.
type claim struct {
	table, row string
	base, is   func(m *measure.Measure) bool
}

func analysed(*measure.Measure) bool { return true }
func ran(m *measure.Measure) bool    { return m.Run != nil && m.Run.Class != measure.ClassNone }
func looked(m *measure.Measure) bool { return m.Vulnerabilities != nil }
func both(a, b func(m *measure.Measure) bool) func(m *measure.Measure) bool {
	return func(m *measure.Measure) bool { return a(m) && b(m) }
}

func claims() []claim {
	all := []claim{
		{"critical-packages", "p7 (deb)", looked, func(m *measure.Measure) bool { return len(m.Criticals) > 0 && m.Criticals[0].Name == "p7" }},
		{"reached", "critical", both(ran, looked), func(m *measure.Measure) bool { return ran(m) && m.Vulnerabilities.Reached.Critical > 0 }},
		{"secrets", "any", analysed, func(m *measure.Measure) bool { return m.Secrets != nil }},
		{"secrets", "sure", analysed, func(m *measure.Measure) bool { return m.Secrets != nil && m.Secrets.Sure }},
		{"category", "miner", analysed, func(m *measure.Measure) bool { return m.Category == detonaut.Miner }},
		{"found", "windows-malware", analysed, func(m *measure.Measure) bool { return slices.Contains(m.Categories, detonaut.WindowsMalware) }},
		{"families", "xmrig", analysed, func(m *measure.Measure) bool { return slices.Contains(m.Families, "xmrig") }},
		{"windows", "harms Windows", analysed, func(m *measure.Measure) bool { return m.Windows != nil }},
		{"windows", "powershell", analysed, func(m *measure.Measure) bool { return m.Windows != nil && m.Windows.By[0] == "powershell" }},
		{"tools", "declared", analysed, func(m *measure.Measure) bool { return m.Tools == measure.ToolsDeclared }},
		{"does", "exits at once", ran, func(m *measure.Measure) bool { return m.Run.AtOnce() }},
		{"does", "needs configuration", ran, func(m *measure.Measure) bool { return ran(m) && m.Needs != "" }},
		{"does", "serves", ran, func(m *measure.Measure) bool { return ran(m) && m.Run.Serves() }},
		{"does", "phones home", ran, func(m *measure.Measure) bool { return ran(m) && m.Run.Phones() }},
		{"does", "runs code that it fetched", ran, func(m *measure.Measure) bool { return ran(m) && m.Run.Fetches == measure.FetchRan }},
		{"needs", "setting", ran, func(m *measure.Measure) bool { return ran(m) && m.Needs == measure.NeedSetting }},
		{"listens", "tcp/8080", ran, func(m *measure.Measure) bool { return ran(m) && slices.Contains(m.Run.Listens, "tcp/8080") }},
		{"base", "debian 12", analysed, func(m *measure.Measure) bool { return m.Base == "debian 12" }},
		{"end", "failed", analysed, func(m *measure.Measure) bool { return m.Run.Class == measure.ClassFailed }},
	}
	for _, s := range []detonaut.Severity{detonaut.Critical, detonaut.High, detonaut.Medium, detonaut.NoSeverity} {
		all = append(all, claim{"severity", string(s), analysed, func(m *measure.Measure) bool { return m.Vulnerability == s }})
	}
	for _, w := range []detonaut.Word{detonaut.Malicious, detonaut.Unwanted, detonaut.Clean} {
		all = append(all, claim{"verdict", string(w), analysed, func(m *measure.Measure) bool { return m.Verdict == w }})
	}
	return all
}

func report(t *testing.T, s store.Surveys) *study.Report {
	t.Helper()
	r, err := study.Of(t.Context(), s, "truth")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(t *testing.T, r *study.Report, table, by, group string) *study.Part {
	t.Helper()
	for i := range r.Tables {
		if r.Tables[i].ID != table {
			continue
		}
		for k := range r.Tables[i].Parts {
			if p := &r.Tables[i].Parts[k]; p.By == by && p.Group == group {
				return p
			}
		}
	}
	t.Fatalf("no table %s of %s %s", table, by, group)
	return nil
}

func rowOf(t *testing.T, p *study.Part, name string) study.Row {
	t.Helper()
	i := slices.IndexFunc(p.Rows, func(r study.Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no row %q in %+v", name, p.Rows)
	}
	return p.Rows[i]
}

func exact(v float64) study.Number { return study.Number{Value: v, Low: v, High: v} }

func figure(n, of float64) study.Figure {
	f := study.Figure{Seen: n, Total: exact(n)}
	if of > 0 {
		f.Share = exact(n / of)
	}
	return f
}

// A survey of everything says exactly what there is, whatever repositories are told apart by.
func TestCensus(t *testing.T) {
	p := grow(1, 3000)
	r := report(t, p.store())
	if !r.Census {
		t.Fatal("all were chosen")
	}
	groups := []struct {
		by, name string
		in       func(c *store.Candidate) bool
	}{
		{"all", "all", everything},
		{"class", "official", func(c *store.Candidate) bool { return c.Class == store.ClassOfficial }},
		{"class", "community", func(c *store.Candidate) bool { return c.Class == store.ClassCommunity }},
		{"age", "1 to 2 years", func(c *store.Candidate) bool {
			return !c.Updated.After(now.AddDate(-1, 0, 0)) && c.Updated.After(now.AddDate(-2, 0, 0))
		}},
		{"age", "5 years and more", func(c *store.Candidate) bool { return !c.Updated.After(now.AddDate(-5, 0, 0)) }},
		{"pulls", "10 to 99", func(c *store.Candidate) bool { return c.Pulls >= 10 && c.Pulls < 100 }},
		{"pulls", "unknown", func(c *store.Candidate) bool { return c.Pulls < 0 }},
	}
	for _, c := range claims() {
		for _, g := range groups {
			if few := c.table == "critical-packages" || c.table == "families" || c.table == "listens" || c.table == "base"; few && g.by != "all" && g.by != "class" {
				continue
			}
			part := find(t, r, c.table, g.by, g.name)
			base, is := p.truth(g.in, c.base), p.truth(g.in, c.is)
			got := rowOf(t, part, c.row)
			for _, u := range []struct {
				name   string
				got    study.Figure
				is, of float64
			}{
				{"images", *got.Images, is.images, base.images},
				{"repositories", *got.Repositories, is.repositories, base.repositories},
				{"pulls", *got.Pulls, is.pulls, base.pulls},
			} {
				if want := figure(u.is, u.of); u.got != want {
					t.Errorf("%s, %s, %s %s, %s: %+v, want %+v", c.table, c.row, g.by, g.name, u.name, u.got, want)
				}
			}
		}
	}
	all := p.truth(everything, analysed)
	if float64(r.Counts.Images) != all.images || r.Counts.Listed != 3000 || r.Counts.Repositories[store.CandidateLooked]+r.Counts.Repositories[store.CandidateSkipped] != 3000 {
		t.Errorf("counts: %+v, want %v images of 3000 repositories", r.Counts, all.images)
	}
	imageless := 0.0
	for _, r := range p.repositories {
		if r.Reason == store.ReasonImageless {
			imageless++
		}
	}
	if got := rowOf(t, find(t, r, "repositories", "all", "all"), string(store.ReasonImageless)); got.Images != nil || *got.Repositories != figure(imageless, 3000) {
		t.Errorf("imageless: %+v, want %v", *got.Repositories, imageless)
	}
	partition(t, r)
	quantilesOf(t, p, r)
}

// partition checks that tables in which each is in one row add up.
func partition(t *testing.T, r *study.Report) {
	t.Helper()
	for _, table := range r.Tables {
		for _, p := range table.Parts {
			sum := 0.0
			for _, row := range p.Rows {
				f := row.Images
				if f == nil {
					f = row.Repositories
				}
				sum += f.Seen
			}
			base := p.Base.Images
			if base == nil {
				base = p.Base.Repositories
			}
			if table.Each && sum != base.Seen {
				t.Errorf("%s of %s %s: rows add up to %v of %v", table.ID, p.By, p.Group, sum, base.Seen)
			}
		}
	}
}

func quantilesOf(t *testing.T, p *population, r *study.Report) {
	t.Helper()
	seen := map[detonaut.Digest]bool{}
	var sizes, processes []int64
	for _, r := range p.repositories {
		for _, i := range r.items {
			if i.Item.State == store.ItemDone && !seen[i.Item.Digest] {
				seen[i.Item.Digest] = true
				sizes = append(sizes, i.Measured.Size)
				if ran(i.Measured) {
					processes = append(processes, int64(i.Measured.Run.Processes))
				}
			}
		}
	}
	slices.Sort(sizes)
	slices.Sort(processes)
	for _, u := range r.Uses {
		for _, q := range u.Parts[0].Quantiles {
			switch u.ID {
			case "size":
				if want := at(sizes, q.Share); q.Value > want || q.Value < want*127/128 || q.Low != q.Value {
					t.Errorf("quantile %v of size: %+v, want %v", q.Share, q.Number, want)
				}
			case "processes":
				if want := at(processes, q.Share); q.Value != want || q.High != q.Value {
					t.Errorf("quantile %v of processes: %+v, want %v", q.Share, q.Number, want)
				}
			}
		}
	}
}

// What is read in several passes, so that fewer digests are held at once, is the same.
func TestPasses(t *testing.T) {
	p := grow(2, 800)
	want := report(t, p.store())
	for _, limit := range []int{50, 333} {
		s := p.store()
		got, err := study.OfHolding(t.Context(), s, "truth", limit)
		if err != nil {
			t.Fatal(err)
		}
		if s.reads < 800/limit {
			t.Errorf("read %d times with room for %d", s.reads, limit)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("with room for %d: another report", limit)
		}
	}
}

// Repeated samples cover the truth as often as they claim to, about: every figure in 89 % of some
// hundred samples or more, all together in 93 to 99 %. Shares of pulls rest on few repositories: all
// together in 88 % or more.
func TestSamplesCover(t *testing.T) {
	const n, size, times = 4000, 500, 250
	p := grow(3, n)
	for _, how := range []store.Sample{store.SampleRandom, store.SampleStratified, store.SampleRecent, store.SamplePulls} {
		t.Run(string(how), func(t *testing.T) { cover(t, p, how, size, times) })
	}
}

// figures are what is claimed of a population or of a sample, by names.
type figures map[string]study.Number

func cover(t *testing.T, p *population, how store.Sample, size, times int) {
	t.Helper()
	wanted := p.figures()
	hits, tried := map[string]int{}, map[string]int{}
	for seed := range uint64(times) {
		for name, got := range figuresOf(t, report(t, p.draw(how, size, seed).store())) {
			want := wanted[name].Value
			if !(got.Low <= got.Value && got.Value <= got.High) {
				t.Fatalf("%s: %+v is no interval", name, got)
			}
			tried[name]++
			if got.Low <= want*(1+1e-9) && want*(1-1e-9) <= got.High*wanted[name].High {
				hits[name]++
			}
		}
	}
	sum, n, worst, pulls, pullsN := 0.0, 0.0, 1.0, 0, 0
	for name := range wanted {
		if strings.HasSuffix(name, "share of pulls") {
			pulls, pullsN = pulls+hits[name], pullsN+tried[name]
			continue
		}
		if tried[name] != times {
			t.Fatalf("%s was told %d times of %d", name, tried[name], times)
		}
		rate := float64(hits[name]) / float64(times)
		sum, n, worst = sum+rate, n+1, min(worst, rate)
		if rate < 0.89 {
			t.Errorf("%s: %.1f %% of intervals have %v in them", name, 100*rate, wanted[name].Value)
		}
	}
	t.Logf("%s: %.1f %% of intervals of %.0f figures cover, of the worst %.1f %%; of shares of pulls %.1f %%",
		how, 100*sum/n, n, 100*worst, 100*float64(pulls)/float64(pullsN))
	if rate := float64(pulls) / float64(pullsN); rate < 0.88 {
		t.Errorf("%.1f %% of the intervals of shares of pulls cover", 100*rate)
	}
	if sum/n < 0.93 || sum/n > 0.99 {
		t.Errorf("%.1f %% of all intervals cover", 100*sum/n)
	}
}

// often are the claims whose row is in every report.
func often() []claim {
	return slices.DeleteFunc(claims(), func(c claim) bool { return c.table == "critical-packages" })
}

// figuresOf are what a report claims.
func figuresOf(t *testing.T, r *study.Report) figures {
	t.Helper()
	f := figures{}
	for _, c := range often() {
		part := find(t, r, c.table, "all", "all")
		row := rowOf(t, part, c.row)
		name := c.table + ", " + c.row + ": "
		f[name+"images"], f[name+"share of images"] = row.Images.Total, row.Images.Share
		f[name+"repositories"], f[name+"share of repositories"] = row.Repositories.Total, row.Repositories.Share
		f[name+"share of pulls"] = row.Pulls.Share
	}
	for _, u := range r.Uses {
		for _, q := range u.Parts[0].Quantiles {
			if u.ID == "size" || u.ID == "processes" || u.ID == "cpu" {
				f[fmt.Sprintf("quantile %v of %s", q.Share, u.ID)] = q.Number
			}
		}
	}
	return f
}

// figures are the truth of them. As a sample counts, an image is one in every repository; High is how
// much finer the truth is than a report.
func (p *population) figures() figures {
	f := figures{}
	put := func(name string, v, finer float64) { f[name] = study.Number{Value: v, High: finer} }
	for _, c := range often() {
		base, is := p.each(c.base), p.each(c.is)
		name := c.table + ", " + c.row + ": "
		put(name+"images", is.images, 1)
		put(name+"share of images", is.images/base.images, 1)
		put(name+"repositories", is.repositories, 1)
		put(name+"share of repositories", is.repositories/base.repositories, 1)
		put(name+"share of pulls", is.pulls/base.pulls, 1)
	}
	values := map[string][]int64{}
	p.each(func(m *measure.Measure) bool {
		values["size"] = append(values["size"], m.Size)
		if ran(m) {
			values["processes"] = append(values["processes"], int64(m.Run.Processes))
			values["cpu"] = append(values["cpu"], int64(m.Run.CPU))
		}
		return true
	})
	for id, all := range values {
		slices.Sort(all)
		for _, q := range []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.99} {
			put(fmt.Sprintf("quantile %v of %s", q, id), at(all, q), 129.0/128)
		}
	}
	return f
}

// at is the smallest of all that are sorted that a share of them have at most.
func at(all []int64, q float64) float64 {
	i := 0
	for float64(i+1) < q*float64(len(all))*(1-1e-12) {
		i++
	}
	return float64(all[i])
}

// each counts as a sample does: an image once in every repository.
func (p *population) each(is func(m *measure.Measure) bool) (t truth) {
	for _, r := range p.repositories {
		seen, n := map[detonaut.Digest]bool{}, 0.0
		for _, i := range r.items {
			if i.Item.State == store.ItemDone && is(i.Measured) && !seen[i.Item.Digest] {
				seen[i.Item.Digest] = true
				n++
			}
		}
		t.images += n
		if n > 0 {
			t.repositories++
			t.pulls += float64(max(0, r.Pulls))
		}
	}
	return t
}

func TestNothing(t *testing.T) {
	r := study.New(study.Options{}).Report()
	b, err := json.Marshal(r)
	if err != nil || len(r.Tables) == 0 {
		t.Fatalf("%v: %s", err, b)
	}
	if _, err := study.Of(t.Context(), grow(1, 1).store(), "another"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no survey: %v", err)
	}
}
