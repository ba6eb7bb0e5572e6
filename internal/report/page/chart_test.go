package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

func TestBadge(t *testing.T) {
	var all bytes.Buffer
	for _, w := range append(detonaut.Words(), `"><script>`) {
		var b bytes.Buffer
		if err := page.Badge(&b, w); err != nil {
			t.Fatal(err)
		}
		dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		all.Write(b.Bytes())
	}
	golden.Check(t, "badges.txt", all.Bytes())
}

func TestBars(t *testing.T) {
	got, err := page.Bars(page.Chart{
		Title: "Verdicts", ID: "verdicts", Href: page.SearchPath,
		Counts: []store.Count{{Value: "malicious", Count: 2}, {Value: "high", Count: 1}, {Value: "<b>\u202e", Count: 1000}, {Value: "clean"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "bars.txt", []byte(got))
	if empty, err := page.Bars(page.Chart{Title: "None", ID: "none"}); err != nil || !strings.Contains(string(empty), "None") {
		t.Errorf("%q, %v", empty, err)
	}
}

func TestDays(t *testing.T) {
	got, err := page.Days(page.Chart{Title: "Found", ID: "found", Counts: []store.Count{
		{Value: "2026-11-01", Count: 3}, {Value: "2026-11-04", Count: 12}, {Value: "no day", Count: 5}, {Value: "2026-11-30", Count: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "days.txt", []byte(got))
	for _, counts := range [][]store.Count{nil, {{Value: "0001-01-01", Count: 1}, {Value: "9999-12-31", Count: 1}}} {
		got, err := page.Days(page.Chart{Title: "Found", ID: "found", Counts: counts})
		if err != nil || strings.Count(string(got), "<rect") > 1 {
			t.Errorf("%d columns, %v", strings.Count(string(got), "<rect"), err)
		}
	}
}

// TestPaths holds paths to what is in them.
func TestPaths(t *testing.T) {
	d := detonaut.Digest("sha256:ab")
	for got, want := range map[string]string{
		page.ReportPath(d, ""):                    "/image/sha256:ab",
		page.PartPath(d, "k&x", "events"):         "/image/sha256:ab/events?fingerprint=k%26x",
		page.EventPath(d, "", 7):                  "/image/sha256:ab/events/7",
		page.FactPath(store.Domain, "../a/b?c#d"): "/domain/..%2Fa%2Fb%3Fc%23d",
		page.FactPath(store.Domain, ".."):         "/domain/%2E%2E",
		page.FactPath(store.Process, "a.json"):    "/process/a.json?as=page",
		page.RulePath("impact/mining-pool"):       "/rules/impact/mining-pool",
		page.RepositoryPath(store.Name{Registry: "docker.io", Repository: "library/nginx", Tag: "1&2"}): "/repo/docker.io/library/nginx?tag=1%262",
		page.SearchPath("a b:c"): "/search?q=a+b%3Ac",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
