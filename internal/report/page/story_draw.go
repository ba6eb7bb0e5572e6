package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// Measures of the picture, in pixels.
const (
	cardWidth  = 212
	cardHeight = 46
	chipWidth  = 104
	chipHeight = 24
	gapX       = 40
	gapY       = 12
	margin     = 8
	labelChars = 23 // that fit into a card
	verbChars  = 28
)

// cardBox is a card where it is drawn.
type cardBox struct {
	ID          string
	X, Y        int // of the top left corner
	Kind, Class string
	Label, Verb string
	Full        string
	Severity    detonaut.Severity
	Path        bool
	Href        string
	Event       uint64
	Process     int // from 1; 0 for a deed
	At          string
	Findings    []string
	Parent      string
}

// TextX and the others are where the parts of a card are.
func (c cardBox) TextX() int { return c.X + 32 }
func (c cardBox) IconX() int { return c.X + 10 }
func (c cardBox) IconY() int { return c.Y + 9 }

// chipBox stands for what is not drawn.
type chipBox struct {
	X, Y  int
	Count int
	Word  string // what they are: "routine"
}

// TextX and TextY are where its text is.
func (c chipBox) TextX() int { return c.X + chipWidth/2 }
func (c chipBox) TextY() int { return c.Y + 16 }

// line joins two cards.
type line struct{ D, Class string }

// draw lays the kept cards out, from left to right.
func draw(roots []*card, bonds []bond) storyGraph {
	var g storyGraph
	d := &drawing{g: &g}
	for _, c := range roots {
		if c.kept {
			d.place(c, 0)
		}
	}
	if len(d.cards) == 0 {
		return g
	}
	for i, c := range d.cards {
		c.id = fmt.Sprintf("card-%d", i+1)
	}
	for _, c := range d.cards {
		g.Cards = append(g.Cards, box(c))
		for _, k := range d.kids(c) {
			g.Lines = append(g.Lines, join(c, k))
		}
		if y, ok := d.chips[c]; ok {
			x := c.x + cardWidth + gapX
			g.Chips = append(g.Chips, chipBox{X: x, Y: y - chipHeight/2, Count: c.more, Word: chipWord(c)})
			g.Lines = append(g.Lines, line{curve(c.x+cardWidth, c.y, x, y), "line fold"})
		}
	}
	// What leads to something is drawn over what does not.
	slices.SortStableFunc(g.Lines, func(a, b line) int {
		return cmp.Compare(one(strings.Contains(a.Class, "hot")), one(strings.Contains(b.Class, "hot")))
	})
	for _, b := range bonds {
		g.Lines = append(g.Lines, bondLine(b))
	}
	g.Columns = min(d.depth+1, 9)
	g.Width = 2*margin + (d.depth+1)*(cardWidth+gapX) - gapX
	if len(bonds) > 0 {
		g.Width += gapX
	}
	g.Height = d.row + margin
	return g
}

type drawing struct {
	g     *storyGraph
	cards []*card
	chips map[*card]int // the middles of those behind a card
	row   int
	depth int
}

// kids are those of a card that are drawn, in the order in which they happened.
func (d *drawing) kids(c *card) []*card {
	kept := slices.DeleteFunc(slices.Clone(c.kids), func(k *card) bool { return !k.kept })
	slices.SortStableFunc(kept, func(a, b *card) int { return cmp.Compare(a.event, b.event) })
	return kept
}

// place gives a card and those below it their places.
func (d *drawing) place(c *card, depth int) {
	if d.row == 0 {
		d.row = margin
	}
	c.depth, c.x = depth, margin+depth*(cardWidth+gapX)
	d.depth = max(d.depth, depth)
	d.cards = append(d.cards, c)
	// A card is beside the first of those below it: what happened first goes straight on.
	c.y = d.row + cardHeight/2
	below := d.row + cardHeight + gapY
	for _, k := range d.kids(c) {
		d.place(k, depth+1)
	}
	if c.more > 0 {
		if d.chips == nil {
			d.chips = map[*card]int{}
		}
		d.chips[c] = d.row + chipHeight/2
		if len(d.kids(c)) == 0 {
			d.chips[c] = c.y
		}
		d.depth = max(d.depth, depth+1)
		d.row += chipHeight + gapY
	}
	d.row = max(d.row, below)
}

func box(c *card) cardBox {
	b := cardBox{
		ID: c.id, X: c.x, Y: c.y - cardHeight/2, Kind: c.kind, Full: c.full, Severity: c.severity, Path: c.path, Event: c.event,
		Process: c.process + 1, Findings: c.findings[:min(len(c.findings), 4)], Label: Plain(c.label, labelChars-1),
	}
	if c.parent != nil {
		b.Parent = c.parent.id
	}
	verb := strings.Join(c.verbs, ", ")
	if c.process < 0 && c.count > 1 {
		verb += fmt.Sprintf(" ×%d", c.count)
	}
	when := ""
	if c.at >= 0 {
		b.At = "+" + spanOf(c.at)
		if when = b.At; c.process < 0 {
			b.At, when = "≈ "+b.At, "" // the table says it
		}
	}
	b.Class = "card k-" + c.kind
	if c.hot() {
		b.Class += " hot s-" + severityClass(c.severity)
		verb = severityClass(c.severity) + " · " + verb
	} else if c.path {
		b.Class += " path"
	}
	room := verbChars
	if when != "" {
		when = " · " + when
		room -= len(when)
	}
	b.Verb = Plain(verb, max(room, 8)) + when
	return b
}

// chipWord says what is folded: if something was found in it, it is like what is shown.
func chipWord(c *card) string {
	if c.hidden {
		return "more"
	}
	return "routine"
}

func join(a, b *card) line {
	class := "line"
	if b.path {
		class += " hot"
	}
	if b.process < 0 {
		class += " io"
	}
	return line{curve(a.x+cardWidth, a.y, b.x, b.y), class}
}

// curve goes right, then down, then right again.
func curve(x0, y0, x1, y1 int) string {
	const bend = 9
	m := x1 - gapX/2
	if y1-y0 < 2*bend {
		return fmt.Sprintf("M%d %dL%d %d", x0, y0, x1, y1)
	}
	return fmt.Sprintf("M%d %dH%dQ%d %d %d %dV%dQ%d %d %d %dH%d", x0, y0, m-bend, m, y0, m, y0+bend, y1-bend, m, y1, m+bend, y1, x1)
}

// bondLine goes around the right of both cards.
func bondLine(b bond) line {
	x0, x1 := b.from.x+cardWidth, b.to.x+cardWidth
	out := max(x0, x1) + gapX - 12
	return line{fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x0, b.from.y, out, b.from.y, out, b.to.y, x1, b.to.y), "line bond"}
}
