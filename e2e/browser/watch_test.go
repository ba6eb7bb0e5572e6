package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// static serves pages under a policy as strict as that of the site.
func static(t *testing.T, pages map[string]string) (host string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:")
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// Whatever may be wrong with a page is noticed.
func TestWatch(t *testing.T) {
	const head = `<!doctype html><html lang="en"><head><title>x</title><link rel="icon" href="data:,">`
	for _, test := range []struct{ name, page, want string }{
		{"nothing", head + `</head><body><main><h1>x</h1></main></body>`, ""},
		{"script", head + `</head><body><script>console.log(1)</script></body>`, "script-src"},
		{"style", head + `</head><body style="color:red"></body>`, "style-src"},
		{"handler", head + `</head><body><img alt="" src="data:x" onerror="alert(1)"></body>`, "script-src"},
		{"missing", head + `</head><body><img alt="" src="/missing.png"></body>`, "response: 404"},
		{"elsewhere", head + `</head><body><img alt="" src="http://evil.example/x.png"></body>`, "evil.example"},
		{"frame", head + `</head><body><iframe title="x" src="http://evil.example/"></iframe></body>`, "evil.example"},
		{"refresh", head + `<meta http-equiv="refresh" content="0;url=http://evil.example/"></head>`, "evil.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newTab(t, static(t, map[string]string{"/": test.page}))
			b.do(visit(b, "/"))
			b.until(func() bool { return test.want == "" || strings.Contains(strings.Join(b.seen(), "\n"), test.want) })
			faults := strings.Join(b.wrong(), "\n")
			if test.want == "" && faults != "" || !strings.Contains(faults, test.want) {
				t.Errorf("what is wrong is %q, want %q", faults, test.want)
			}
		})
	}
	t.Run("said", func(t *testing.T) {
		b := newTab(t, static(t, map[string]string{"/": head}))
		b.open("/")
		for _, test := range []struct{ script, want string }{
			{`console.error("broken")`, "console: \"broken\""},
			{`void setTimeout(() => { throw new Error("thrown") })`, "exception: Uncaught"},
			{`void setTimeout(() => alert("asked"))`, "dialog: asked"},
		} {
			ask[any](b, `%s; 0`, test.script)
			b.until(func() bool { return len(b.seen()) > 0 })
			if faults := strings.Join(b.wrong(), "\n"); !strings.Contains(faults, test.want) {
				t.Errorf("%s: what is wrong is %q, want %q", test.script, faults, test.want)
			}
		}
	})
}

// What keeps people out of a page is found.
func TestBarriers(t *testing.T) {
	b := newTab(t, static(t, map[string]string{"/": `<!doctype html><html><head><title>x</title><link rel="icon" href="data:,"></head><body><main><h1>x</h1><img src="data:,"></main></body>`}))
	b.open("/")
	var ids []string
	for _, v := range b.barriers() {
		ids = append(ids, v.ID)
	}
	if got := strings.Join(ids, " "); got != "html-has-lang image-alt" {
		t.Errorf("the barriers are %q", got)
	}
}
