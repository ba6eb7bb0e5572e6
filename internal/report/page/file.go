package page

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// files are contents of the image and of the run.
type files struct {
	Payloads list[payloadRow]
	Changes  list[changeRow]
	Image    list[fileRow]
	Written  list[string]
	Deleted  list[string]
}

// Count is how many there are.
func (f *files) Count() int { return f.Payloads.Total + f.Changes.Total + f.Image.Total }

type payloadRow struct {
	*detonaut.Payload
	shown
	Events []uint64
	IDs    []string // to which links to its events lead
	Paths  []string
	More   int // paths that are not shown
	Pivot  string
	Others int
	Like   []likeness
	Found  []*findingRow
}

type changeRow struct {
	*detonaut.Change
	shown
	Pivot string
	Modes string
}

type fileRow struct {
	*detonaut.File
	LayerNumber int // from 1; 0 is none
	Pivot       string
	Others      int
	Like        []likeness
	Found       []*findingRow
}

type likeness struct{ Name, Value, Pivot string }

// Bounds of lists of a server's page.
const (
	maxPayloads = 30
	maxChanges  = 40
	maxFiles    = 30
	maxWritten  = 100
	maxPaths    = 3
)

func (m *model) files() files {
	run := m.Report.Run
	like := map[string]detonaut.Likeness{}
	var lying []detonaut.File
	for i := range m.Report.Files {
		f := &m.Report.Files[i]
		like[f.SHA256] = f.Likeness
		if f.Layer != "" {
			lying = append(lying, *f)
		}
	}
	slices.SortStableFunc(lying, func(a, b detonaut.File) int { return -cmp.Compare(m.weight(a.SHA256), m.weight(b.SHA256)) })
	same := func(s *string) string { return *s }
	return files{
		Payloads: cutList(m, run.Payloads, maxPayloads, "files", func(p *detonaut.Payload) payloadRow { return m.payloadRow(p, like[p.SHA256]) }),
		Changes:  cutList(m, run.Changes, maxChanges, "files", m.changeRow),
		Image: cutList(m, lying, maxFiles, "files", func(f *detonaut.File) fileRow {
			return fileRow{
				File: f, LayerNumber: m.layerNumber(f.Layer), Pivot: m.Pivot(store.SHA256, f.SHA256), Others: m.Others(store.SHA256, f.SHA256),
				Like: m.likenesses(f.Likeness), Found: m.foundIn(f.SHA256),
			}
		}),
		Written: cutList(m, run.FilesWritten, maxWritten, "files", same),
		Deleted: cutList(m, run.FilesDeleted, maxWritten, "files", same),
	}
}

// weight is how bad the worst is that was found in a content.
func (m *model) weight(sum string) int {
	worst := -1
	for _, f := range m.found[sum] {
		worst = max(worst, f.Severity.Rank())
	}
	return worst
}

func (m *model) foundIn(sum string) []*findingRow {
	all := m.found[sum]
	if sum == "" {
		return nil
	}
	return all[:min(len(all), 4)]
}

func (m *model) payloadRow(p *detonaut.Payload, like detonaut.Likeness) payloadRow {
	row := payloadRow{
		Payload: p, Paths: p.Paths[:min(len(p.Paths), maxPaths)], Events: p.Events[:min(len(p.Events), maxProofEvents)],
		Pivot: m.Pivot(store.SHA256, p.SHA256), Others: m.Others(store.SHA256, p.SHA256), Like: m.likenesses(like), Found: m.foundIn(p.SHA256),
	}
	row.More = len(p.Paths) - len(row.Paths)
	for _, seq := range row.Events {
		s := m.shown(seq, p.PID)
		if s.ID != "" {
			row.IDs = append(row.IDs, s.ID)
		}
		row.By = s.By
		if row.Heat == "" || s.Heat.Rank() > row.Heat.Rank() {
			row.Heat = s.Heat
		}
	}
	return row
}

func (m *model) changeRow(c *detonaut.Change) changeRow {
	row := changeRow{Change: c, shown: m.shown(c.Event, 0), Pivot: m.Pivot(store.SHA256, c.SHA256)}
	switch {
	case c.Was != 0 && c.Was != c.Mode:
		row.Modes = fmt.Sprintf("%04o, was %04o", c.Mode, c.Was)
	case c.Mode != 0:
		row.Modes = fmt.Sprintf("%04o", c.Mode)
	}
	return row
}

func (m *model) likenesses(l detonaut.Likeness) (all []likeness) {
	for _, x := range []likeness{{Name: "tlsh", Value: l.TLSH}, {Name: "imphash", Value: l.Imphash}, {Name: "symbols", Value: l.Symbols}, {Name: "modules", Value: l.Modules}} {
		if x.Value == "" {
			continue
		}
		if x.Name != "tlsh" {
			x.Pivot = m.Pivot(store.Likeness, x.Name+":"+x.Value)
		}
		all = append(all, x)
	}
	return all
}

// layerNumber is which layer that is, from 1, or 0.
func (m *model) layerNumber(d detonaut.Digest) int {
	if d == "" {
		return 0
	}
	return 1 + slices.IndexFunc(m.Report.Image.Layers, func(l detonaut.Layer) bool { return l.Digest == d || l.DiffID == d })
}

// LayerNumber is the same, for templates.
func (m *model) LayerNumber(d detonaut.Digest) int { return m.layerNumber(d) }

// layerRow is a layer, or a step that made none, and what is in it.
type layerRow struct {
	Number   int // 0 for a step that made no layer
	Step     string
	Comment  string
	Layer    *detonaut.Layer
	Pivot    string
	Others   int
	Share    float64 // of the size of the image
	Findings []*findingRow
	Unshown  int
	Packages int
	ID       string
}

// maxLayers bounds the steps that are shown.
const maxLayers = 150

// layers puts the steps of the history and the layers side by side.
func (m *model) layers() []layerRow {
	img := &m.Report.Image
	var rows []layerRow
	next := 0
	add := func(step detonaut.Instruction, made bool) {
		row := layerRow{Step: step.CreatedBy, Comment: step.Comment}
		if made && next < len(img.Layers) {
			row.Layer = &img.Layers[next]
			next++
			row.Number = next
			row.ID = m.take(fmt.Sprintf("layer-%d", next))
			row.Step = cmp.Or(row.Step, row.Layer.CreatedBy)
			row.Pivot, row.Others = m.Pivot(store.Layer, row.Layer.Digest), m.Others(store.Layer, row.Layer.Digest)
			if img.Size > 0 {
				row.Share = float64(row.Layer.Size) / float64(img.Size)
			}
			m.fillLayer(&row)
		}
		rows = append(rows, row)
	}
	for _, step := range img.History[:min(len(img.History), maxLayers)] {
		add(step, !step.Empty)
	}
	for next < len(img.Layers) && len(rows) < 2*maxLayers {
		add(detonaut.Instruction{}, true)
	}
	return rows
}

// fillLayer adds what was found in a layer.
func (m *model) fillLayer(row *layerRow) {
	in := func(d detonaut.Digest) bool { return d != "" && (d == row.Layer.Digest || d == row.Layer.DiffID) }
	for i := range m.Report.Findings {
		f := &m.Report.Findings[i]
		r := m.findings[f.ID]
		if r == nil || f.Suppressed != nil || !slices.ContainsFunc(f.Evidence, func(e detonaut.Evidence) bool { return in(e.Layer) }) {
			continue
		}
		if len(row.Findings) < 5 {
			row.Findings = append(row.Findings, r)
		} else {
			row.Unshown++
		}
	}
	if inv := m.Report.Inventory; inv != nil {
		for i := range inv.Packages {
			if p := &inv.Packages[i]; len(p.Locations) > 0 && in(p.Locations[0].Layer) {
				row.Packages++
			}
		}
	}
}
