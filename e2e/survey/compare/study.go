package compare

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// sum is what a row of a table counts: images, each digest once, the repositories that have one, and
// the pulls of these.
type sum struct {
	Images, Repositories, Pulls float64
}

// sums are those of a table, by group of repositories and row.
type sums map[string]map[string]sum

// census sums what is planted up.
type census struct {
	tables map[string]sums
	seen   map[[4]string]bool // table, group, row and digest
}

func (c *census) add(r hub.Repository, table, row, digest string) {
	for _, group := range []string{"all", string(r.Class)} {
		if c.tables[table] == nil {
			c.tables[table] = sums{}
		}
		if c.tables[table][group] == nil {
			c.tables[table][group] = map[string]sum{}
		}
		s := c.tables[table][group][row]
		s.Repositories++
		s.Pulls += float64(r.Pulls)
		if k := [4]string{table, group, row, digest}; !c.seen[k] {
			c.seen[k] = true
			s.Images++
		}
		c.tables[table][group][row] = s
	}
}

// image adds what must be counted of an image that was analysed.
func (c *census) image(r hub.Repository, p hub.Planted) {
	add := func(table, row string, is bool) {
		if is {
			c.add(r, table, row, p.Digest)
		}
	}
	add("verdict", string(p.Role.Word), true)
	add("category", string(p.Role.Category), p.Role.Category != "")
	add("severity", string(p.Vulnerability), true)
	add("secrets", "any", p.Secret)
	for _, v := range hub.Packages() {
		add("critical-packages", v.Name+" (npm)", v.Severity == detonaut.Critical && slices.Contains(p.Packages, v.Name))
	}
	d := p.Role.Does
	add("does", "exits at once", d.AtOnce)
	add("does", "needs configuration", d.Needs)
	add("does", "serves", d.Serves)
	add("does", "phones home", d.Phones)
	add("does", "fetches code", d.Fetches)
}

// Study compares the tables of a study of everything with what is planted.
func Study(tb testing.TB, h *hub.Hub, rep *study.Report) {
	tb.Helper()
	c := &census{tables: map[string]sums{}, seen: map[[4]string]bool{}}
	images := map[string]bool{}
	for _, r := range h.Repositories() {
		if o := h.Outcome(r); o.State == store.ItemDone {
			c.image(r, o.Planted)
			images[o.Planted.Digest] = true
		}
	}
	if rep.Counts.Listed != int64(len(h.Repositories())) || rep.Counts.Images != int64(len(images)) || !rep.Census {
		tb.Errorf("counts are %+v, %d repositories with %d images are planted", rep.Counts, len(h.Repositories()), len(images))
	}
	for id, want := range c.tables {
		i := slices.IndexFunc(rep.Tables, func(t study.Table) bool { return t.ID == id })
		if i < 0 {
			tb.Errorf("there is no table %q", id)
			continue
		}
		if diff := cmp.Diff(want, said(rep.Tables[i], want)); diff != "" {
			tb.Errorf("table %s (-planted +said):\n%s", id, diff)
		}
	}
}

// said is what a table says in the groups of want, and of does in its rows.
func said(t study.Table, want sums) sums {
	got := sums{}
	for _, p := range t.Parts {
		group := p.Group
		if p.By == "all" {
			group = "all"
		}
		if p.By != "all" && p.By != "class" || want[group] == nil {
			continue
		}
		got[group] = map[string]sum{}
		for _, row := range p.Rows {
			s := sum{row.Images.Seen, row.Repositories.Seen, row.Pulls.Seen}
			if _, asked := want[group][row.Name]; s != (sum{}) && (asked || t.Each) {
				got[group][row.Name] = s
			}
		}
	}
	return got
}
