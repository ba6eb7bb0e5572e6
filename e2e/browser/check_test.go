package browser_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/detonaut/detonaut/internal/testenv"
)

// barrier is something that keeps people out of a page.
type barrier struct {
	ID, Help string
	Nodes    []string
}

// axe is the script that finds them.
var axe struct {
	sync.Once
	script string
}

// barriers are what axe-core finds in the page, its good advice included.
func (b *tab) barriers() []barrier {
	b.t.Helper()
	axe.Do(func() { axe.script = testenv.Axe(b.t) })
	if ask[string](b, `typeof axe`) == "undefined" {
		ask[string](b, "%s; 'here'", axe.script)
	}
	const look = `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map(v =>
		({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 5).map(n => n.target.join(' ') + ' ' + n.html.slice(0, 150) + ' ' + (n.any[0] || n.all[0] || n.none[0] || {}).message)}))))`
	var found []barrier
	if err := json.Unmarshal([]byte(ask[string](b, look)), &found); err != nil {
		b.t.Fatal(err)
	}
	return found
}

// tallest is how much of a page a picture shows, in pixels.
const tallest = 6000

// picture takes one of the whole page, as far as that is reasonable.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := filepath.Join(testenv.Root(b.t), "bin", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b.capture(tallest), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// capture is the page as PNG, down to a height; 0 is what is in the window.
func (b *tab) capture(height int) []byte {
	b.t.Helper()
	var params page.CaptureScreenshotParams
	if height > 0 {
		size := ask[[2]float64](b, `[document.documentElement.clientWidth, document.documentElement.scrollHeight]`)
		beyond := true
		params.CaptureBeyondViewport = &beyond
		params.Clip = &page.Viewport{Width: size[0], Height: min(size[1], float64(height)), Scale: 1}
	}
	var shot []byte
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		res, err := cdp.Call(ctx, target, page.CaptureScreenshot, params)
		shot = res.Data
		return err
	}))
	return shot
}

// check looks at the page that is open, in light and in dark: nobody is kept out, nothing
// is wider than the window, and there are pictures of it.
func (b *tab) check(name string) {
	b.t.Helper()
	for _, theme := range []struct {
		name string
		set  setting
	}{{"dark", dark}, {"light", light}} {
		b.do(theme.set)
		for _, v := range b.barriers() {
			b.t.Errorf("%s in %s: %s: %s\n\t%s", name, theme.name, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
		}
		b.picture(name + "-" + theme.name)
	}
	b.fits(name)
	b.settle()
}

// fits fails the test if the page does not fit the window: what is wide is to be moved by
// itself, nothing sticks to the edge, and no column is so narrow that words fall apart.
func (b *tab) fits(name string) {
	b.t.Helper()
	const look = `(() => {
		const root = document.documentElement, wrong = [];
		const what = e => e.localName + (e.getAttribute('class') ? '.' + e.getAttribute('class') : '') + ' ' + JSON.stringify(e.textContent.trim().slice(0, 40));
		const all = [...document.querySelectorAll('main *')].filter(e => e.checkVisibility());
		if (root.scrollWidth > root.clientWidth) {
			wrong.push('it is ' + root.scrollWidth + ' pixels wide in a window of ' + root.clientWidth + ': '
				+ all.filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).slice(0, 3).map(what).join(', '));
		}
		const title = document.querySelector('main h1');
		if (!title) wrong.push('it has no title');
		else if (title.getBoundingClientRect().left < 6) wrong.push('its title sticks to the edge');
		const broken = all.filter(e => (e.localName === 'td' || e.localName === 'th') && e.clientWidth < 44 && e.clientHeight > 80 && e.textContent.trim().length > 6);
		if (broken.length) wrong.push(broken.length + ' cells are too narrow: ' + broken.slice(0, 3).map(what).join(', '));
		return wrong;
	})()`
	for _, wrong := range ask[[]string](b, "%s", look) {
		b.t.Errorf("%s: %s", name, wrong)
	}
}
