package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/survey/polite"
)

// TestCircles: whatever a server does with its pages, a list ends, and says what was wrong.
func TestCircles(t *testing.T) {
	quayPage := func(next string, names ...string) any {
		list := []object{}
		for _, n := range names {
			list = append(list, object{"namespace": "x", "name": n, "is_public": true})
		}
		return object{"next_page": next, "repositories": list}
	}
	token := func(q map[string][]string) int {
		if q["next_page"] == nil {
			return 0
		}
		n, _ := strconv.Atoi(q["next_page"][0])
		return n
	}
	for _, tc := range []struct {
		name   string
		answer func(n int) any
		found  []string // in any number
		cut    string
		most   int // requests
	}{
		{"the same page", func(int) any { return quayPage("7", "a") }, []string{"a"}, "repeat", 5},
		{"itself", func(n int) any { return quayPage(strconv.Itoa(max(n, 1)), "a"+strconv.Itoa(n)) }, []string{"a0", "a1"}, "itself", 5},
		{"the same page under new numbers", func(n int) any { return quayPage(strconv.Itoa(n+1), "a") }, []string{"a"}, "repeat", 5},
		{"a circle of five", func(n int) any { return quayPage(strconv.Itoa((n+1)%5), "a"+strconv.Itoa(n%5)) }, []string{"a0", "a1", "a2", "a3", "a4"}, "repeat", 20},
		{"a circle of a hundred, later", func(n int) any {
			next := n + 1
			if next == 130 {
				next = 30
			}
			return quayPage(strconv.Itoa(next), "a"+strconv.Itoa(n))
		}, nil, "repeat", 400},
		{"nothing for ever", func(n int) any { return quayPage(strconv.Itoa(n + 1)) }, nil, "empty", maxEmpty + 1},
		{"a token without end", func(n int) any { return quayPage(strings.Repeat("x", 100_000), "a") }, []string{"a"}, "remembered", 2},
		{"a token of what grows", func(n int) any { return quayPage(strings.Repeat("\x01", 1000), "a") }, []string{"a"}, "remembered", 2},
		{"too many on a page", func(int) any {
			var many []string
			for i := range maxPage + 100 {
				many = append(many, fmt.Sprintf("n%06d", i))
			}
			return quayPage("", many...)
		}, nil, "more than", 2},
		{"no names", func(int) any { return quayPage("", "\x1b[31m", "", "a b", strings.Repeat("x", 300), "../x", "A") }, nil, "6 names", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := serve(t, func(_ string, q map[string][]string) any { return tc.answer(token(q)) })
			found, cuts := all(t, "quay:x", a.options())
			if len(cuts) == 0 || !strings.Contains(cuts[len(cuts)-1], tc.cut) {
				t.Errorf("cuts = %.300v, want %q", cuts, tc.cut)
			}
			for _, c := range cuts {
				if len(c) > 2*maxWhy || strings.ContainsAny(c, "\x1b\n") {
					t.Errorf("cut = %.600q", c)
				}
			}
			got := map[string]bool{}
			for _, c := range found {
				got[strings.TrimPrefix(c.Name, "x/")] = true
			}
			for _, want := range tc.found {
				if !got[want] {
					t.Errorf("%s was not found: %v", want, names(found))
				}
			}
			if len(found) > maxPage+400 || a.count() > tc.most {
				t.Errorf("%d found in %d requests", len(found), a.count())
			}
		})
	}
}

// TestBadReplies: what is no answer is an error in our words, or a list that was cut if there was some before.
func TestBadReplies(t *testing.T) {
	endless := func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for req.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
				return
			}
		}
	}
	silent := func(w http.ResponseWriter, req *http.Request) {
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}
	for _, tc := range []struct {
		name  string
		reply any
		want  error // nil is any that may be another time
		cut   bool  // if there was a page before
	}{
		{"no JSON", "<html>\x1b[31m", detonaut.ErrCorrupt, true},
		{"other JSON", `[1,2]`, detonaut.ErrCorrupt, true},
		{"deep", strings.Repeat("[", 1_000_000), detonaut.ErrCorrupt, true},
		{"endless", endless, detonaut.ErrLimit, true},
		{"silent", silent, nil, false},
		{"down", 500, nil, false},
		{"not there", 404, detonaut.ErrNotFound, true},
		{"refused", 403, detonaut.ErrUnauthorized, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := true
			a := serve(t, func(_ string, q map[string][]string) any {
				if !bad && q["next_page"] == nil {
					return object{"next_page": "1", "repositories": []object{{"namespace": "x", "name": "a", "is_public": true}}}
				}
				return tc.reply
			})
			o := a.options()
			o.timeout = time.Minute
			if tc.name == "silent" {
				o.timeout = 50 * time.Millisecond
			}
			_, err := open1(t, "quay:x", o)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1000 {
				t.Errorf("at first: %v", err)
			}
			bad = false
			s, err := Open("quay:x", o)
			if err != nil {
				t.Fatal(err)
			}
			_, next, _, err := s.List(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			_, _, end, err := s.List(t.Context(), next)
			var cut *Cut
			if errors.As(err, &cut) != tc.cut || end != tc.cut {
				t.Errorf("later: %v, end %v", err, end)
			}
		})
	}
}

// TestBusy: a server that has had enough says for how long, and the page is had later.
func TestBusy(t *testing.T) {
	busy := true
	a := serve(t, func(path string, q map[string][]string) any {
		if busy && q["page"] != nil {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "77")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}
		return hubPages(q, object{"name": "a"})
	})
	s, err := Open("dockerhub:official", a.options())
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = s.List(t.Context(), "")
	var b *polite.Busy
	if !errors.As(err, &b) || b.Wait != 77*time.Second || b.Host != a.host {
		t.Errorf("err = %v", err)
	}
	busy = false
	if found, _, end, err := s.List(t.Context(), ""); err != nil || !end || len(found) != 1 {
		t.Errorf("%v, %v, %v", found, end, err)
	}
	busy = true
	if _, _, _, err := s.List(t.Context(), ""); !errors.As(err, &b) {
		t.Errorf("again: %v", err)
	}
	o := a.options()
	o.HTTP = &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
		return nil, &polite.Busy{Host: req.URL.Host, Wait: time.Hour}
	})}
	if _, err := open1(t, "dockerhub:search:x", o); !errors.As(err, &b) || b.Wait != time.Hour {
		t.Errorf("of the transport: %v", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestCancelled(t *testing.T) {
	a := serve(t, func(string, map[string][]string) any {
		return func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	})
	s, err := Open("quay:x", a.options())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, _, err := s.List(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

// TestCursors: those of another source, and what is none, are refused.
func TestCursors(t *testing.T) {
	a := serve(t, func(_ string, q map[string][]string) any {
		return hubPages(q, object{"name": "a"}, object{"name": "b"}, object{"name": "c"})
	})
	one, err := Open("dockerhub:official", a.options())
	if err != nil {
		t.Fatal(err)
	}
	_, next, _, err := one.List(t.Context(), "")
	if err != nil || next == "" {
		t.Fatal(next, err)
	}
	other, err := Open("dockerhub:search:x", a.options())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{next, "x", "!", strings.Repeat("e", MaxCursor+1)} {
		if _, _, _, err := other.List(t.Context(), c); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%.50s: %v", c, err)
		}
	}
	first, _, _, err1 := one.List(t.Context(), next)
	again, _, _, err2 := one.List(t.Context(), next)
	if err1 != nil || err2 != nil || !slices.Equal(names(first), names(again)) {
		t.Errorf("%v, %v; %v, %v", first, err1, again, err2)
	}
}

func TestText(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"  plain  text \n", "plain text"},
		{"a\x00b\x1b[1mc\u202ed\xff", `a\x00b\x1b[1mc\u202ed\ufffd`},
		{"é – ok", "é – ok"},
		{strings.Repeat("long ", 30), "long long long long long long long long long lo..."},
		{"", ""},
	} {
		if got := text(tc.in, 50); got != tc.want {
			t.Errorf("text(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestPulls(t *testing.T) {
	for in, want := range map[string]pulls{
		`"1B+"`: 1e9, `"5M+"`: 5e6, `"1.5K"`: 1500, `700`: 700, `"700"`: 700, `null`: 0, `"many"`: 0, `-5`: 0, `"1e300B"`: 0, `{}`: 0, `"NaN"`: 0,
	} {
		var got pulls
		if err := got.UnmarshalJSON([]byte(in)); err != nil || got != want {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
}

func TestNewest(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	a := serve(t, func(path string, q map[string][]string) any {
		switch path {
		case "/v2/namespaces/library/repositories/nginx/tags":
			return object{"results": []object{
				{"name": "old", "last_updated": "2025-01-01T00:00:00Z", "digest": digest, "images": []object{{"os": "linux", "architecture": "amd64", "digest": "", "size": 7}}},
				{"name": "new", "tag_last_pushed": "2026-01-01T00:00:00Z", "last_updated": "2020-01-01T00:00:00Z", "digest": "md5:x", "content_type": "image", "images": []object{
					{"os": "linux", "architecture": "arm", "variant": "v7", "digest": digest, "size": 5},
					{"os": "unknown", "architecture": "unknown", "digest": digest, "size": 1},
					{"os": "linux", "architecture": "amd64", "variant": nil, "digest": digest, "size": 7},
				}},
				{"name": "\x1b", "tag_last_pushed": "2026-02-01T00:00:00Z"},
				{"name": "untold"},
				{"name": "new"},
			}}
		case "/api/v1/repository/coreos/etcd/tag/":
			return object{"tags": []object{
				{"name": "a", "start_ts": 1_700_000_000}, {"name": "b", "last_modified": "Thu, 01 Jan 2026 00:00:00 -0000", "manifest_digest": digest},
			}}
		case "/api/v2.0/projects/lib/repositories/deep%252Fapp/artifacts":
			return []object{
				{"digest": digest, "tags": []object{{"name": "1", "push_time": "2026-01-01T00:00:00.000Z"}, {"name": "2", "push_time": "2026-01-02T00:00:00.000Z"}}},
				{"digest": "x", "tags": nil},
			}
		}
		return 404
	})
	ask := Newest([]string{"harbor:" + a.host + "/lib", "dockerhub:"}, a.options())
	for _, tc := range []struct {
		registry, repository string
		n                    int
		want                 []string
		whole                bool
		err                  error
	}{
		{"docker.io", "library/nginx", 2, []string{"new", "old"}, false, nil},
		{"docker.io", "library/nginx", 10, []string{"new", "old", "untold"}, true, nil},
		{"docker.io", "library/nginx", 0, nil, false, nil},
		{"docker.io", "library/none", 2, nil, false, detonaut.ErrNotFound},
		{"quay.io", "coreos/etcd", 5, []string{"b", "a"}, true, nil},
		{a.host, "lib/deep/app", 5, []string{"2", "1"}, true, nil},
		{"elsewhere.example", "a/b", 5, nil, false, errors.ErrUnsupported},
	} {
		tags, whole, err := ask(t.Context(), tc.registry, tc.repository, tc.n)
		var got []string
		for _, tag := range tags {
			got = append(got, tag.Name)
			if tag.Digest != "" && string(tag.Digest) != digest {
				t.Errorf("digest %q", tag.Digest)
			}
			if told := fmt.Sprint(tag.Images); tag.Name == "new" && told != fmt.Sprintf("[{%s linux/arm/v7 5} {%s linux/amd64 7}]", digest, digest) || tag.Name != "new" && told != "[]" {
				t.Errorf("%s: %s", tag.Name, told)
			}
		}
		if !slices.Equal(got, tc.want) || !errors.Is(err, tc.err) || whole != tc.whole {
			t.Errorf("%s/%s: %v, %v, %v", tc.registry, tc.repository, got, whole, err)
		}
	}
}

// FuzzPages gives each lister a page of any bytes.
func FuzzPages(f *testing.F) {
	specs := []string{"dockerhub:x", "dockerhub:search:x", "dockerhub:", "harbor:h.example/p", "harbor:h.example", "quay:x", "ghcr:x"}
	for i, s := range []string{
		`{"next":"x","results":[{"name":"a","pull_count":1,"star_count":null,"last_updated":"2026-01-02T03:04:05Z"}]}`,
		`{"count":20000,"next":null,"results":[{"repo_name":"nginx","is_official":true}]}`,
		`{"total":1,"results":[{"id":"a/b","badge":"verified_publisher","pull_count":"1B+","rate_plans":[{"repositories":[{"namespace":"a","name":"b"}]}]}]}`,
		`[{"name":"p/a","pull_count":5,"update_time":"2026-01-02T03:04:05.678Z"}]`,
		`[{"name":"p"}]`,
		`{"next_page":"x","repositories":[{"namespace":"x","name":"a","is_public":true,"last_modified":1700000000}]}`,
		`[{"name":"a","package_type":"container","visibility":"public","updated_at":"2026-01-02T03:04:05Z"}]`,
	} {
		f.Add(i, []byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, which int, body []byte, seed uint64) {
		spec := specs[uint(which)%uint(len(specs))]
		o := Options{GitHubToken: "x", HTTP: &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Total-Count": {strconv.Itoa(int(seed % 100))}}, Body: reader(body), Request: req}, nil
		})}}
		s, err := Open(spec, o)
		if err != nil {
			t.Fatal(err)
		}
		cursor := ""
		if r := rand.New(rand.NewPCG(seed, 1)); r.IntN(2) == 0 {
			cursor = string(body[:min(len(body), 100)])
		}
		for range 5 {
			found, next, end, _ := s.List(t.Context(), cursor)
			for _, c := range found {
				if _, ok := repository(c.Registry, c.Name); !ok || len(c.Description) > maxDescription || c.Pulls < -1 || c.Stars < -1 || strings.ContainsAny(c.Description, "\x00\x1b\n") {
					t.Errorf("%+v", c)
				}
			}
			if len(next) > MaxCursor {
				t.Errorf("a cursor of %d bytes", len(next))
			}
			if cursor = next; end || next == "" {
				break
			}
		}
	})
}

// FuzzLines reads any bytes as a list of refs.
func FuzzLines(f *testing.F) {
	f.Add([]byte("nginx\n#x\nnginx:1 # y\r\nghcr.io/a/b@sha256:" + strings.Repeat("a", 64)))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Open("-", Options{Stdin: strings.NewReader(string(body))})
		if err != nil {
			t.Fatal(err)
		}
		cursor, lines := "", 0
		for {
			found, next, end, err := s.List(t.Context(), cursor)
			var cut *Cut
			if err != nil && !errors.As(err, &cut) {
				t.Fatal(err)
			}
			for _, c := range found {
				for _, w := range c.Wanted {
					if !tagRE.MatchString(w) && !digestRE.MatchString(w) {
						t.Errorf("%q is wanted", w)
					}
				}
			}
			if lines++; end || lines > len(body)+2 {
				break
			}
			cursor = next
		}
	})
}

func reader(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// TestRegistryLies: a catalogue that goes in circles, or is none, ends as other lists do.
func TestRegistryLies(t *testing.T) {
	catalogue := func(link string, body string) imagetest.Fault {
		return func(w http.ResponseWriter, req *http.Request, _ http.Handler, _ <-chan struct{}) {
			w.Header().Set("Content-Type", "application/json")
			if link != "" {
				w.Header().Set("Link", "<"+strings.ReplaceAll(link, "LAST", req.URL.Query().Get("last"))+`>; rel="next"`)
			}
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tc := range []struct {
		name  string
		fault imagetest.Fault
		found int
		cut   string
		err   error
	}{
		{"the same again", catalogue("/v2/_catalog?last=b", `{"repositories":["a","b"]}`), 4, "repeat", nil},
		{"further and further", catalogue("/v2/_catalog?last=LASTx", `{"repositories":["a","b"]}`), 4, "repeat", nil},
		{"nothing for ever", catalogue("/v2/_catalog?last=LASTx", `{"repositories":[]}`), 0, "empty", nil},
		{"no names", catalogue("", `{"repositories":["a","A","../b","c\u001b"]}`), 1, "3 names", nil},
		{"no JSON", catalogue("", `<html>`), 0, "", detonaut.ErrCorrupt},
		{"too much", catalogue("", strings.Repeat(" ", 9<<20)), 0, "", detonaut.ErrLimit},
		{"off", imagetest.Status(404), 0, "", detonaut.ErrNotFound},
		{"refused", imagetest.Status(401), 0, "", detonaut.ErrUnauthorized},
		{"busy", imagetest.Busy(3600), 0, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := imagetest.NewRegistry()
			t.Cleanup(r.Close)
			r.Inject("_catalog", -1, tc.fault)
			if tc.cut == "" {
				_, err := open1(t, "registry:"+r.Host(), Options{})
				var busy *polite.Busy
				if err == nil || tc.err != nil && !errors.Is(err, tc.err) || tc.err == nil && (!errors.As(err, &busy) || busy.Wait != time.Hour) {
					t.Errorf("err = %v, want %v", err, tc.err)
				}
				return
			}
			found, cuts := all(t, "registry:"+r.Host(), Options{})
			if len(found) != tc.found || len(cuts) != 1 || !strings.Contains(cuts[0], tc.cut) {
				t.Errorf("found %v, cut %v", names(found), cuts)
			}
		})
	}
}
