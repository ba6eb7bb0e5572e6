// Package browser_test looks at pages with Debian's Chromium, as people do: the site of a real
// server, with reports of actors that it has run, and the page that is a file of its own.
//
// Whatever a browser complains of fails the test: an error on the console, something that the
// policy of the page forbids, a request that fails or goes elsewhere, a dialog. So does what
// keeps people out of a page, as axe-core knows it, in light and in dark. Pictures of the
// pages are left in bin/screenshots.
package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/detonaut/detonaut/internal/testenv"
)

// patience is how long anything may take before the test says that it does not happen.
const patience = time.Minute

// chromium is the browser of all tests. It ends with the process.
var chromium struct {
	sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.cancel != nil {
		chromium.cancel()
	}
	for _, end := range slices.Backward(ends.all) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// browser starts the browser when it is first wanted.
func browser(t *testing.T) context.Context {
	t.Helper()
	chromium.Lock()
	defer chromium.Unlock()
	if chromium.ctx != nil {
		return chromium.ctx
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testenv.Chromium(t)),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),                                                          // there is no internet
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("disable-lcd-text", true), // equal pictures
		chromedp.Flag("hide-scrollbars", true),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	outer, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(outer)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	chromium.ctx = ctx
	chromium.cancel = func() {
		_ = chromedp.Cancel(ctx) // waits for the process
		cancel()
	}
	return ctx
}

// tab is a tab of the browser, with cookies of its own, that writes down what is wrong.
type tab struct {
	t    *testing.T
	ctx  context.Context
	host string // what may be asked, as "127.0.0.1:1234"; empty for nothing but files

	mu      sync.Mutex
	faults  []string
	allowed []string
}

// settings of a tab.
type setting = chromedp.Action[chromedp.Void]

// Settings.
var (
	desktop = chromedp.EmulateViewport(1280, 800)
	phone   = chromedp.EmulateViewport(375, 740, chromedp.EmulateMobile, chromedp.EmulateTouch)
	narrow  = chromedp.EmulateViewport(360, 640, chromedp.EmulateMobile, chromedp.EmulateTouch)
	dark    = scheme("dark")
	light   = scheme("light")
	paper   = media(emulation.SetEmulatedMediaParams{Media: "print"})
	quiet   = call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}) // no scripts
)

func scheme(name string) setting {
	return media(emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func media(p emulation.SetEmulatedMediaParams) setting { return call(emulation.SetEmulatedMedia, p) }

func call[P, R any](command cdp.Command[P, R], params P) setting {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

// newTab opens a tab of desktop size in light, unless settings say otherwise. It is closed at
// the end of the test, which fails with what was wrong by then.
func newTab(t *testing.T, host string, settings ...setting) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx, host: host}
	t.Cleanup(func() {
		b.settle()
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil { // its context is that of the tab
		t.Fatalf("open a tab: %v", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	// A policy of the page does not stop what is said of violations of it.
	const tell = `addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective, e.blockedURI, e.sample))`
	b.do(call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: tell}))
	// It takes keys while others do, too.
	b.do(desktop, light, call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	b.do(settings...)
	return b
}

// hear is told of everything that happens in a tab, by the goroutine that reads from the browser.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.fault("exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.URL)
	case *runtime.EventConsoleAPICalled:
		if e.Type != "error" && e.Type != "warning" && e.Type != "assert" {
			return
		}
		var said []string
		for _, a := range e.Args {
			said = append(said, strings.TrimSpace(string(a.Value)+" "+a.Description))
		}
		b.fault("console: %s", strings.Join(said, " "))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.fault("log: %s %s: %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Scheme != "file" && u.Host != b.host {
			b.fault("request to %.200s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			b.fault("response: %d of %s", e.Response.Status, e.Response.URL)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled { // by leaving the page
			b.fault("request failed: %s %s", e.ErrorText, e.BlockedReason)
		}
	case *page.EventJavascriptDialogOpening:
		b.fault("dialog: %s", e.Message)
		go func() { // what answers waits for this
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
		}()
	}
}

func (b *tab) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// allow says that what is wrong is wanted, if it contains one of some texts.
func (b *tab) allow(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, texts...)
}

// wrong is what was wrong since it was last asked for.
func (b *tab) wrong() (faults []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		if !slices.ContainsFunc(b.allowed, func(text string) bool { return strings.Contains(f, text) }) {
			faults = append(faults, f)
		}
	}
	b.faults = nil
	return faults
}

// settle fails the test for what was wrong since the last time.
func (b *tab) settle() {
	b.t.Helper()
	for _, f := range b.wrong() {
		b.t.Error(f)
	}
}

// do does something in the tab.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.settle()
		b.t.Fatal(err)
	}
}

// ask evaluates an expression in the page. It works without scripts of the page, too.
func ask[T any](b *tab, expression string, args ...any) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(expression, args...), chromedp.EvalAwaitPromise))
	if err != nil {
		b.settle()
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return got
}

// open goes to a page, by its path on the server or its whole address, and says what is wrong
// with it.
func (b *tab) open(address string) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = "http://" + b.host + address
	}
	b.do(chromedp.Navigate(address))
	for _, f := range b.wrong() {
		b.t.Errorf("%s: %s", address, f)
	}
}

// text is that of the first element, as it is shown.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return ask[string](b, `(document.querySelector(%q) || {innerText: "(nothing)"}).innerText`, selector)
}

// count is the number of elements.
func (b *tab) count(selector string) int {
	b.t.Helper()
	return ask[int](b, `document.querySelectorAll(%q).length`, selector)
}

// path is where the tab is.
func (b *tab) path() string {
	b.t.Helper()
	return ask[string](b, `location.pathname + location.search + location.hash`)
}

// visit goes to a page.
func visit(b *tab, path string) chromedp.Action[chromedp.Void] {
	return chromedp.Navigate("http://" + b.host + path)
}

// seen is what is wrong so far.
func (b *tab) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.faults)
}

// until waits for something that the browser does not tell of.
func (b *tab) until(done func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for look := time.NewTicker(20 * time.Millisecond); !done(); {
		select {
		case <-look.C:
		case <-ctx.Done():
			b.settle()
			b.t.Fatal("it does not happen")
		}
	}
}
