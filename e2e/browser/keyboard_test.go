package browser_test

import (
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// mark numbers everything that can be used in a page, in its order, and returns what each is.
const mark = `(() => {
	window.look = e => { // of a part of a drawing, its outline
		const s = getComputedStyle(e), r = getComputedStyle(e.querySelector(':scope > rect') || e);
		return [s.outlineStyle === 'none' ? '' : s.outline, s.boxShadow, r.stroke, r.strokeWidth, r.outlineStyle === 'none' ? '' : r.outline].join(' ');
	};
	const all = [...document.querySelectorAll('a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
		.filter(e => e.checkVisibility({visibilityProperty: true}));
	window.usable = all;
	window.plain = all.map(look);
	return all.map(e => e.localName + ' ' + (e.getAttribute('href') || e.id || e.textContent.trim().slice(0, 40)));
})()`

// focused is the number of what has the focus, and how that is seen.
const focused = `(() => {
	const e = document.activeElement, at = window.usable.indexOf(e);
	return {At: at, Seen: look(e) !== window.plain[at],
		What: e.localName + ' ' + (e.getAttribute('class') || '') + ' ' + e.textContent.trim().slice(0, 40)};
})()`

type focus struct {
	At   int
	Seen bool
	What string
}

// furthest is how much of a page the keyboard goes through: what is behind is of the same kind.
const furthest = 150

// reachable fails the test unless everything that can be used in the page that is open is
// reached with the tabulator key, in its order, and can be seen to have the focus.
func (b *tab) reachable(name string) {
	b.t.Helper()
	all := ask[[]string](b, "%s", mark)
	all = all[:min(len(all), furthest)]
	var order []int
	var unseen []string
	for range len(all) + 5 {
		b.do(chromedp.KeyEvent(kb.Tab))
		f := ask[focus](b, "%s", focused)
		if slices.Contains(order, f.At) || strings.HasPrefix(f.What, "body") && len(order) > 0 {
			break // around
		}
		if f.At < 0 {
			continue // the browser reaches what can be scrolled
		}
		order = append(order, f.At)
		if !f.Seen {
			unseen = append(unseen, f.What)
		}
	}
	if !slices.IsSorted(order) {
		b.t.Errorf("%s: the order of the keyboard is not that of the page: %v", name, order)
	}
	for i, what := range all {
		if !slices.Contains(order, i) {
			b.t.Errorf("%s: the keyboard does not reach %s", name, what)
		}
	}
	if len(unseen) > 0 {
		b.t.Errorf("%s: nobody sees the focus at %s", name, strings.Join(unseen, ", "))
	}
}
