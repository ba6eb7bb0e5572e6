package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/testenv"
)

func TestMain(m *testing.M) {
	// The user's credentials are no part of the tests.
	if err := os.Setenv("DOCKER_CONFIG", filepath.Join(os.TempDir(), "detonaut-test-has-no-docker-config")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// api is a server that answers with JSON, and remembers what it was asked.
type api struct {
	base, host string
	mu         sync.Mutex
	asked      []string
	headers    []http.Header
}

// serve answers with what answer makes of a path and query; an int is a status, a string is sent as it is.
func serve(t *testing.T, answer func(path string, q map[string][]string) any) *api {
	t.Helper()
	a := &api{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a.mu.Lock()
		a.asked = append(a.asked, req.URL.RequestURI())
		a.headers = append(a.headers, req.Header)
		a.mu.Unlock()
		switch reply := answer(req.URL.EscapedPath(), req.URL.Query()).(type) {
		case int:
			w.WriteHeader(reply)
		case string:
			_, _ = w.Write([]byte(reply))
		case func(http.ResponseWriter, *http.Request):
			reply(w, req)
		default:
			_ = json.NewEncoder(w).Encode(reply)
		}
	}))
	t.Cleanup(s.Close)
	a.base, a.host = s.URL, s.Listener.Addr().String()
	return a
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

func (a *api) options() Options {
	return Options{DockerHub: a.base, Quay: a.base, GitHub: a.base, GitHubToken: "of the test", PageSize: 2}
}

// all lists a source page by page, each by a source of its own, as another process would; it returns why
// something is missing, too.
func all(t *testing.T, spec string, o Options) (found []store.Candidate, cuts []string) {
	t.Helper()
	cursor := ""
	for range 5000 {
		s, err := Open(spec, o)
		if err != nil {
			t.Fatal(err)
		}
		page, next, end, err := s.List(t.Context(), cursor)
		var cut *Cut
		if errors.As(err, &cut) {
			cuts = append(cuts, cut.Why)
		} else if err != nil {
			t.Fatalf("list %s: %v", spec, err)
		}
		if len(next) > MaxCursor {
			t.Fatalf("a cursor of %d bytes", len(next))
		}
		found = append(found, page...)
		if end {
			return found, cuts
		}
		cursor = next
	}
	t.Fatalf("%s does not end", spec)
	return nil, nil
}

func names(found []store.Candidate) (list []string) {
	for _, c := range found {
		list = append(list, c.Registry+"/"+c.Name)
	}
	return list
}

type object = map[string]any

// hubPages serves a namespace in pages of two.
func hubPages(q map[string][]string, repos ...object) any {
	n, _ := strconv.Atoi(q["page"][0])
	size, _ := strconv.Atoi(q["page_size"][0])
	from, to := min((n-1)*size, len(repos)), min(n*size, len(repos))
	var next any
	if to < len(repos) {
		next = "https://elsewhere.example/next"
	}
	return object{"count": len(repos), "next": next, "results": repos[from:to]}
}

func TestNamespace(t *testing.T) {
	a := serve(t, func(path string, q map[string][]string) any {
		switch path {
		case "/v2/orgs/bitnami/":
			return object{"badge": "verified_publisher"}
		case "/v2/namespaces/bitnami/repositories":
			return hubPages(q,
				object{"name": "a", "namespace": "bitnami", "description": "the \x1b[31mfirst\n one", "star_count": 3, "pull_count": 4_000_000_000, "last_updated": "2026-01-02T03:04:05.123456Z", "is_private": false},
				object{"name": "secret", "is_private": true},
				object{"name": "b", "star_count": nil, "pull_count": -7, "last_updated": "9999-99-99"},
				object{"name": "../../etc"},
				object{"name": "c"})
		}
		return 404
	})
	found, cuts := all(t, "dockerhub:Bitnami", a.options())
	if got := names(found); !slices.Equal(got, []string{"docker.io/bitnami/a", "docker.io/bitnami/b", "docker.io/bitnami/c"}) {
		t.Errorf("found %v", got)
	}
	if len(cuts) != 1 || !strings.Contains(cuts[0], "../../etc") {
		t.Errorf("cuts = %v", cuts)
	}
	want := store.Candidate{Class: store.ClassVerified, Repository: store.Repository{
		Registry: "docker.io", Name: "bitnami/a", Description: `the \x1b[31mfirst one`, Pulls: 4_000_000_000, Stars: 3, Verified: true,
		Updated: time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC),
	}}
	if got := found[0]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if b := found[1]; b.Pulls != -1 || b.Stars != -1 || !b.Updated.IsZero() || b.Class != store.ClassVerified {
		t.Errorf("got %+v", b)
	}
	if n := a.count(); n != 4 {
		t.Errorf("%d requests: %v", n, a.asked)
	}
	if _, err := open1(t, "dockerhub:nobody", a.options()); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
}

// open1 lists the first page of a source.
func open1(t *testing.T, spec string, o Options) ([]store.Candidate, error) {
	t.Helper()
	s, err := Open(spec, o)
	if err != nil {
		return nil, err
	}
	found, _, _, err := s.List(t.Context(), "")
	return found, err
}

func TestClass(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply any
		want  store.Class
	}{
		{"library", 500, store.ClassOfficial}, // nobody is asked
		{"open", object{"badge": "open_source"}, store.ClassCommunity},
		{"person", 404, store.ClassCommunity},
		{"broken", 500, ""},
		{"nonsense", "{", ""},
	} {
		a := serve(t, func(path string, q map[string][]string) any {
			if strings.HasPrefix(path, "/v2/orgs/") {
				return tc.reply
			}
			return hubPages(q, object{"name": "x"})
		})
		found, _ := all(t, "dockerhub:"+tc.name, a.options())
		if len(found) != 1 || found[0].Class != tc.want || found[0].Official != (tc.want == store.ClassOfficial) || found[0].Verified {
			t.Errorf("%s: %+v", tc.name, found)
		}
	}
}

func TestSearch(t *testing.T) {
	a := serve(t, func(path string, q map[string][]string) any {
		if path != "/v2/search/repositories/" || q["query"][0] != "coin miner" {
			return 404
		}
		reply := hubPages(q,
			object{"repo_name": "nginx", "short_description": "web", "star_count": 9, "pull_count": 10, "is_official": true},
			object{"repo_name": "someone/miner", "pull_count": 5}, object{"repo_name": "someone/miner", "pull_count": 6}).(object)
		reply["count"] = 12_345
		return reply
	})
	found, cuts := all(t, "dockerhub:search:coin miner", a.options())
	if got := names(found); !slices.Equal(got, []string{"docker.io/library/nginx", "docker.io/someone/miner", "docker.io/someone/miner"}) {
		t.Errorf("found %v", got)
	}
	if found[0].Class != store.ClassOfficial || found[0].Pulls != 10 || found[1].Class != "" || found[1].Official {
		t.Errorf("found %+v", found)
	}
	if len(cuts) != 1 || !strings.Contains(cuts[0], "12345") {
		t.Errorf("cuts = %v", cuts)
	}
}

// TestAll: official first, then verified, then by all beginnings of names, longer ones where there is too much.
func TestAll(t *testing.T) {
	queries := map[string]int{}
	a := serve(t, func(path string, q map[string][]string) any {
		switch {
		case path == "/v2/namespaces/library/repositories":
			return hubPages(q, object{"name": "alpine"}, object{"name": "nginx"}, object{"name": "redis"})
		case strings.HasPrefix(path, "/api/search/v3"):
			if q["badges"][0] != "verified_publisher" {
				return 400
			}
			if q["from"][0] == "2" {
				return object{"total": 3, "results": []object{{"id": "bitnami/late", "badge": "none"}}}
			}
			return object{"total": 3, "results": []object{
				{"id": "bitnami/redis", "badge": "verified_publisher", "star_count": 1, "updated_at": "2026-01-02T03:04:05Z", "rate_plans": []object{
					{"repositories": []object{{"namespace": "bitnami", "name": "redis", "pull_count": "1B+"}}},
				}},
				{"id": "acme/x", "badge": "verified_publisher", "pull_count": 700},
			}}
		case path == "/v2/search/repositories/":
			query := q["query"][0]
			queries[query]++
			reply := object{"count": 1, "next": nil, "results": []object{{"repo_name": "of/" + query}}}
			if query == "dd" {
				reply["count"] = 20_000
			}
			return reply
		}
		return 404
	})
	found, cuts := all(t, "dockerhub:", a.options())
	if len(cuts) != 0 {
		t.Errorf("cuts = %v", cuts)
	}
	got := names(found)
	if want := []string{"docker.io/library/alpine", "docker.io/library/nginx", "docker.io/library/redis", "docker.io/bitnami/redis", "docker.io/acme/x", "docker.io/of/aa", "docker.io/of/ab"}; !slices.Equal(got[:len(want)], want) {
		t.Errorf("it begins with %v", got[:len(want)])
	}
	if found[0].Class != store.ClassOfficial || found[3].Class != store.ClassVerified || found[3].Pulls != 1_000_000_000 || found[4].Pulls != 700 {
		t.Errorf("found %+v", found[:5])
	}
	if want := len(letters)*len(letters) + len(letters); len(queries) != want || queries["dda"] != 1 || queries["dd9"] != 1 || queries["99"] != 1 {
		t.Errorf("%d queries, want %d", len(queries), want)
	}
	for q, n := range queries {
		if n != 1 {
			t.Errorf("%s was asked for %d times", q, n)
		}
	}
}

// TestAllGoesOn: what Docker Hub does not answer any more is left out, and said.
func TestAllGoesOn(t *testing.T) {
	a := serve(t, func(path string, q map[string][]string) any {
		if path == "/v2/namespaces/library/repositories" {
			return hubPages(q, object{"name": "alpine"})
		}
		return 404
	})
	found, cuts := all(t, "dockerhub:", a.options())
	if len(found) != 1 || len(cuts) == 0 || !strings.Contains(cuts[0], "404") {
		t.Errorf("found %v, cuts %v", names(found), cuts)
	}
	if n := a.count(); n > 2*maxEmpty {
		t.Errorf("it was asked %d times", n)
	}
}

func TestAfter(t *testing.T) {
	for s, want := range map[string]string{"aa": "ab", "az": "a0", "a9": "ba", "99": "", "ddd": "dde", "dd9": "de", "": "", "a-": "ba"} {
		if got := after(s); got != want {
			t.Errorf("after %q comes %q, want %q", s, got, want)
		}
	}
}

func harborAnswer(path string, q map[string][]string) any {
	n, _ := strconv.Atoi(q["page"][0])
	projects := []string{"empty", "lib", "ops"}
	repos := map[string][]object{
		"lib": {
			{"name": "lib/a", "description": "one", "pull_count": 5, "update_time": "2026-01-02T03:04:05.678Z"},
			{"name": "lib/deep/b"},
			{"name": "lib/c"},
		},
		"ops": {{"name": "ops/x"}, {"name": "ops/y"}},
	}
	if path == "/api/v2.0/projects" {
		if n > len(projects) {
			return []object{}
		}
		return []object{{"name": projects[n-1], "project_id": n}}
	}
	name := strings.TrimSuffix(strings.TrimPrefix(path, "/api/v2.0/projects/"), "/repositories")
	list, ok := repos[name]
	if !ok && name != "empty" {
		return 404
	}
	size, _ := strconv.Atoi(q["page_size"][0])
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
		_ = json.NewEncoder(w).Encode(list[min((n-1)*size, len(list)):min(n*size, len(list))])
	}
}

func TestHarbor(t *testing.T) {
	a := serve(t, harborAnswer)
	o := a.options()
	o.HarborLogin = "me:secret"
	found, cuts := all(t, "harbor:"+a.host, o)
	want := []string{"lib/a", "lib/deep/b", "lib/c", "ops/x", "ops/y"}
	for i := range want {
		want[i] = a.host + "/" + want[i]
	}
	if got := names(found); !slices.Equal(got, want) || len(cuts) != 0 {
		t.Errorf("found %v, %v", got, cuts)
	}
	if c := found[0]; c.Pulls != 5 || c.Stars != -1 || c.Description != "one" || c.Updated.IsZero() || c.Class != "" {
		t.Errorf("found %+v", c)
	}
	if h := a.headers[0].Get("Authorization"); h != "Basic bWU6c2VjcmV0" {
		t.Errorf("login = %q", h)
	}
	found, _ = all(t, "harbor:"+a.host+"/ops", o)
	if got := names(found); !slices.Equal(got, want[3:]) {
		t.Errorf("found %v", got)
	}
	if _, err := open1(t, "harbor:"+a.host+"/none", o); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	other := serve(t, func(string, map[string][]string) any { return 404 })
	if _, err := open1(t, "harbor:"+other.host, o); !errors.Is(err, detonaut.ErrNotFound) || other.count() != 1 {
		t.Errorf("what is no Harbor: %v after %d requests", err, other.count())
	}
}

func TestQuay(t *testing.T) {
	a := serve(t, func(path string, q map[string][]string) any {
		if path != "/api/v1/repository" || q["namespace"][0] != "coreos" || q["public"][0] != "true" {
			return 404
		}
		if q["next_page"] == nil {
			return object{"next_page": "gAAA==", "repositories": []object{
				{"namespace": "coreos", "name": "etcd", "description": "a\tb", "is_public": true, "kind": "image", "last_modified": 1_700_000_000},
				{"namespace": "coreos", "name": "app", "is_public": true, "kind": "application"},
				{"namespace": "evil", "name": "other", "is_public": true, "kind": "image"},
				{"namespace": "coreos", "name": "hidden", "is_public": false, "kind": "image"},
			}}
		}
		if q["next_page"][0] != "gAAA==" {
			return 400
		}
		return object{"repositories": []object{{"namespace": "coreos", "name": "flannel", "is_public": true, "last_modified": nil}}}
	})
	for spec, host := range map[string]string{"quay:coreos": "quay.io", "quay:" + a.host + "/coreos": a.host} {
		found, cuts := all(t, spec, a.options())
		if got := names(found); !slices.Equal(got, []string{host + "/coreos/etcd", host + "/coreos/flannel"}) || len(cuts) != 0 {
			t.Errorf("%s: found %v, %v", spec, got, cuts)
		}
		if c := found[0]; c.Description != "a b" || c.Updated.Unix() != 1_700_000_000 || c.Pulls != -1 {
			t.Errorf("found %+v", c)
		}
	}
}

func TestGHCR(t *testing.T) {
	a := serve(t, func(path string, q map[string][]string) any {
		if path != "/users/Someone/packages" {
			return 404
		}
		n, _ := strconv.Atoi(q["page"][0])
		list := []object{
			{"name": "App", "package_type": "container", "visibility": "public", "updated_at": "2026-01-02T03:04:05Z"},
			{"name": "team/tool", "package_type": "container", "visibility": "public"},
			{"name": "mine", "package_type": "container", "visibility": "private"},
		}
		return list[min((n-1)*2, 3):min(n*2, 3)]
	})
	found, cuts := all(t, "ghcr:Someone", a.options())
	if got := names(found); !slices.Equal(got, []string{"ghcr.io/someone/app", "ghcr.io/someone/team/tool"}) || len(cuts) != 0 {
		t.Errorf("found %v, %v", got, cuts)
	}
	if n := a.count(); n != 3 { // the organisation once, then two pages
		t.Errorf("asked %v", a.asked)
	}
	if h := a.headers[0]; h.Get("Authorization") != "Bearer of the test" {
		t.Errorf("headers %v", h)
	}
	if _, err := Open("ghcr:someone", Options{}); !errors.Is(err, detonaut.ErrUnauthorized) {
		t.Errorf("without a token: %v", err)
	}
}

// TestRegistry: the catalogue of a real registry, page by page.
func TestRegistry(t *testing.T) {
	host := testenv.Distribution(t)
	img := imagetest.Image(t, "-- /file --\nhello\n")
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("%s/team/r%d", host, i)
		want = append(want, name)
		if err := imagetest.Upload(name+":1", img); err != nil {
			t.Fatal(err)
		}
	}
	found, cuts := all(t, "registry:"+host, Options{PageSize: 3})
	if got := names(found); !slices.Equal(got, want) || len(cuts) != 0 {
		t.Errorf("found %v, %v", got, cuts)
	}
}

func TestFile(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	text := "# images\n\nnginx\nnginx:1.27 # this one\n  ghcr.io/Acme/x:1\nghcr.io/acme/x@" + digest + "\nlocalhost:5000/a\n" +
		"oci-dir:/tmp\nnginx:1.28\n" + strings.Repeat("x", 2*maxLine) + "\nbusybox:1#2\nredis"
	for _, crlf := range []bool{false, true} {
		if crlf {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		path := filepath.Join(t.TempDir(), "refs")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for spec, o := range map[string]Options{"file:" + path: {}, "-": {Stdin: strings.NewReader(text)}} {
			found, cuts := all(t, spec, o)
			got := map[string][]string{}
			for _, c := range found {
				got[c.Registry+"/"+c.Name] = c.Wanted
			}
			want := map[string][]string{
				"docker.io/library/nginx": {"1.27", "1.28"}, "ghcr.io/acme/x": {digest}, "localhost:5000/a": nil, "docker.io/library/redis": nil,
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %v, want %v", spec, got, want)
			}
			if len(cuts) != 1 || !strings.HasPrefix(cuts[0], "4 lines") {
				t.Errorf("cuts = %v", cuts)
			}
		}
	}
	if _, err := open1(t, "file:/none/there", Options{}); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
}

// TestLongFile: pages of a file fit one another, whatever it repeats.
func TestLongFile(t *testing.T) {
	var text strings.Builder
	for i := range 3*linesPage + 5 {
		fmt.Fprintf(&text, "docker.io/r/n%04d:1\n", i%linesPage)
	}
	path := filepath.Join(t.TempDir(), "refs")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	found, cuts := all(t, "file:"+path, Options{})
	if len(found) != 3*linesPage+5 || len(cuts) != 0 {
		t.Errorf("%d found, %v", len(found), cuts)
	}
}

// TestStream: of a stream the last page can be had again, as after a failure of the store; no other.
func TestStream(t *testing.T) {
	var text strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&text, "r/n%d\n", i)
	}
	s, err := Open("-", Options{Stdin: strings.NewReader(text.String())})
	if err != nil {
		t.Fatal(err)
	}
	total, cursor := 0, ""
	for end := false; !end; {
		first, next, _, err := s.List(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		again, same, last, err := s.List(t.Context(), cursor)
		if err != nil || next != same || len(again) != len(first) {
			t.Errorf("again: %d of %d, %v", len(again), len(first), err)
		}
		total += len(first)
		cursor, end = next, last
	}
	if total != 2500 {
		t.Errorf("%d refs", total)
	}
	if _, _, _, err := s.List(t.Context(), ""); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("from the beginning: %v", err)
	}
}

func TestSpecs(t *testing.T) {
	for _, bad := range []string{
		"", "nginx", "dockerhub", "docker:x", "dockerhub:a/b", "dockerhub:search:", "dockerhub:search:a\x1b", "registry:", "registry:a/b", "registry:http://a",
		"harbor:", "harbor:h/", "harbor:h/a/b", "quay:", "quay:h/", "ghcr:", "ghcr:a/b", "file:", "-",
	} {
		if bad == "dockerhub" {
			continue // as good as "dockerhub:"
		}
		if _, err := Open(bad, Options{GitHubToken: "x"}); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{
		"dockerhub:", "dockerhub:official", "dockerhub:library", "dockerhub:search:coin miner", "registry:r.example:5000", "harbor:h.example",
		"harbor:h.example/p", "quay:coreos", "quay:q.example/ns", "ghcr:octo-org", "file:/refs",
	} {
		if _, err := Open(good, Options{GitHubToken: "x"}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestBase(t *testing.T) {
	for host, want := range map[string]string{
		"h.example": "https://h.example", "plain.example:80": "http://plain.example:80", "127.0.0.1:5000": "http://127.0.0.1:5000",
		"localhost": "http://localhost", "localhost:5443": "https://localhost:5443",
	} {
		if got := base(host, image.Options{PlainHTTP: []string{"plain.example:80"}, Insecure: []string{"localhost:5443"}}); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}
