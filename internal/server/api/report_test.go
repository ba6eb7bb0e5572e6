package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/difference"
	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// What is asked for wrongly is refused with a problem document that says so.
func TestRefused(t *testing.T) {
	s := newServer(t)
	s.put(1, detonaut.Clean, "sha256:1")
	reader, submitter := s.newKey(store.ScopeRead), s.newKey(store.ScopeSubmit)
	unknown := "/api/v1/reports/" + string(digest(404))
	known := "/api/v1/reports/" + string(digest(1))
	for _, test := range []struct {
		name, key, method, path, body string
		headers                       []string
		want                          int
		detail                        string // a part of it
	}{
		{"an unknown digest", s.key, "GET", unknown, "", nil, 404, "no such thing"},
		{"analyses of one", s.key, "GET", unknown + "/analyses", "", nil, 404, ""},
		{"an export of one", s.key, "GET", unknown + "/exports/sarif", "", nil, 404, ""},
		{"a dispute of one", s.key, "POST", unknown + "/disputes", `{"text":"no"}`, nil, 404, ""},
		{"an unknown fingerprint", s.key, "GET", known + "?fingerprint=abcd", "", nil, 404, ""},
		{"no digest", s.key, "GET", "/api/v1/reports/sha256:abc", "", nil, 422, "validation failed"},
		{"a path for a digest", s.key, "GET", "/api/v1/reports/..%2f..%2fetc%2fpasswd", "", nil, 422, ""},
		{"an unknown format", s.key, "GET", known + "/exports/exe", "", nil, 422, ""},
		{"an unknown path", s.key, "GET", "/api/v1/nothing", "", nil, 404, "openapi.yaml"},
		{"another version", s.key, "GET", "/api/v2/reports", "", nil, 404, ""},
		{"another method", s.key, "PATCH", "/api/v1/reports", "{}", nil, 405, "see Allow"},
		{"an unknown parameter", s.key, "GET", "/api/v1/reports?limti=3", "", nil, 422, ""},
		{"too large a part", s.key, "GET", "/api/v1/reports?limit=201", "", nil, 422, ""},
		{"too small a part", s.key, "GET", "/api/v1/reports?limit=0", "", nil, 422, ""},
		{"a search that makes no sense", s.key, "GET", "/api/v1/reports?q=severity%3Apurple", "", nil, 422, "search: at character"},
		{"a cursor of nobody's", s.key, "GET", "/api/v1/reports?cursor=x", "", nil, 422, ""},
		{"a fact of no kind", s.key, "GET", "/api/v1/facts?kind=mood&value=x", "", nil, 422, ""},
		{"a fact without a value", s.key, "GET", "/api/v1/facts?kind=domain", "", nil, 422, ""},
		{"an impossible fact", s.key, "GET", "/api/v1/facts?kind=sha256&value=xyz", "", nil, 422, "sha256"},
		{"prevalence of nothing", s.key, "GET", "/api/v1/facts/prevalence", "", nil, 422, ""},
		{"an unknown repository", s.key, "GET", "/api/v1/repository?registry=docker.io&name=none", "", nil, 404, ""},
		{"no JSON", submitter, "POST", "/api/v1/scans", "{", nil, 400, ""},
		{"no body", submitter, "POST", "/api/v1/scans", "", nil, 400, ""},
		{"another type", submitter, "POST", "/api/v1/scans", "ref=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, ""},
		{"a malformed ref", submitter, "POST", "/api/v1/scans", `{"ref":"a b"}`, nil, 422, "name of an image"},
		{"a folder of ours", submitter, "POST", "/api/v1/scans", `{"ref":"oci-dir:/etc"}`, nil, 422, "name of an image"},
		{"an unknown option", submitter, "POST", "/api/v1/scans", `{"ref":"a","options":{"network":"live"}}`, nil, 422, ""},
		{"another profile", submitter, "POST", "/api/v1/scans", `{"ref":"a","options":{"profile":"party"}}`, nil, 422, ""},
		{"another platform", submitter, "POST", "/api/v1/scans", `{"ref":"a","options":{"platform":"windows/amd64"}}`, nil, 422, ""},
		{"too long a run", submitter, "POST", "/api/v1/scans", `{"ref":"a","options":{"duration_ns":3600000000000}}`, nil, 422, ""},
		{"too large a body", submitter, "POST", "/api/v1/scans", `{"ref":"` + strings.Repeat("a", 70<<10) + `"}`, nil, 413, ""},
		{"far too large a body", submitter, "POST", "/api/v1/scans", strings.Repeat("a", 1<<20), nil, 413, ""},
		{"an unknown submission", s.key, "GET", "/api/v1/scans/none", "", nil, 404, ""},
		{"the end of one", s.key, "DELETE", "/api/v1/scans/none", "", nil, 404, ""},
		{"its events", s.key, "GET", "/api/v1/scans/none/events", "", nil, 404, ""},
		{"a submission's path", s.key, "GET", "/api/v1/scans/a%2fb", "", nil, 422, ""},
		{"submitting with the scope read", reader, "POST", "/api/v1/scans", `{"ref":"a"}`, nil, 403, "scope submit"},
		{"keys with the scope submit", submitter, "GET", "/api/v1/keys", "", nil, 403, "scope admin"},
		{"the log with the scope submit", submitter, "GET", "/api/v1/audit", "", nil, 403, "scope admin"},
		{"no key", "", "GET", "/api/v1/reports", "", nil, 401, "a key is needed"},
		{"no key to submit", "", "POST", "/api/v1/scans", `{"ref":"a"}`, nil, 401, "a key is needed"},
		{"a hook at a file", s.key, "POST", "/api/v1/hooks", `{"url":"file:///etc/passwd"}`, nil, 422, "create hook"},
		{"a hook with a password", s.key, "POST", "/api/v1/hooks", `{"url":"https://a:b@example.com/"}`, nil, 422, "create hook"},
		{"an unknown hook", s.key, "DELETE", "/api/v1/hooks/none", "", nil, 404, ""},
		{"an unknown key", s.key, "DELETE", "/api/v1/keys/none", "", nil, 404, ""},
		{"a key without scopes", s.key, "POST", "/api/v1/keys", `{"name":"x","scopes":[]}`, nil, 422, ""},
		{"a key with another scope", s.key, "POST", "/api/v1/keys", `{"name":"x","scopes":["root"]}`, nil, 422, ""},
		{"an empty dispute", s.key, "POST", known + "/disputes", `{"text":""}`, nil, 422, ""},
		{"a page of another site", s.key, "POST", "/api/v1/scans", `{"ref":"a"}`, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403, "another site"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := *s
			c.t, c.key = t, test.key
			headers := test.headers
			if test.body != "" && headers == nil {
				headers = []string{"Content-Type", "application/json"}
			}
			if res := c.do(test.method, test.path, test.body, headers...).is(test.want); !strings.Contains(res.body, test.detail) {
				t.Errorf("got %s, want %q in it", res.body, test.detail)
			}
		})
	}
}

// A failure of ours tells a client nothing of what is behind the API.
func TestFailure(t *testing.T) {
	s := newServer(t, public)
	s.key = ""
	s.store.Fail(errors.New("open /var/lib/secret/store.db: disk I/O error"))
	if res := s.get("/api/v1/reports").is(500); strings.Contains(res.body, "secret") {
		t.Errorf("got %s", res.body)
	}
}

func TestReport(t *testing.T) {
	s := newServer(t)
	s.put(1, detonaut.Suspicious, "sha256:1")
	newer := s.put(1, detonaut.Malicious, "sha256:2")
	path := "/api/v1/reports/" + string(digest(1))

	res := s.get(path).is(200)
	if r := read[detonaut.Report](res); r.Verdict.Word != detonaut.Malicious || r.Image.Digest != digest(1) {
		t.Errorf("got %s of %s, want the newest", r.Verdict.Word, r.Image.Digest)
	}
	tag := res.header.Get("ETag")
	if tag == "" || res.header.Get("Last-Modified") == "" || res.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("got the headers %v", res.header)
	}
	for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if again := s.get(path, "If-None-Match", known); again.status != 304 || again.body != "" || again.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: got %d, %q and %q", known, again.status, again.header.Get("ETag"), again.body)
		}
	}
	s.get(path, "If-None-Match", `"other"`).is(200)

	all := read[api.Analyses](s.get(path + "/analyses").is(200)).Items
	if len(all) != 2 || all[0].Key != newer.Key {
		t.Fatalf("got %+v, want both, the newest first", all)
	}
	if r := read[detonaut.Report](s.get(path + "?fingerprint=" + all[1].Key).is(200)); r.Verdict.Word != detonaut.Suspicious {
		t.Errorf("got %s, want the older", r.Verdict.Word)
	}

	// One that is put again has another tag.
	s.put(1, detonaut.Clean, "sha256:2")
	if again := s.get(path, "If-None-Match", tag).is(200); again.header.Get("ETag") == tag {
		t.Error("the tag is that of the report that was replaced")
	}
}

func TestExports(t *testing.T) {
	s := newServer(t)
	s.put(1, detonaut.Clean, "sha256:1")
	for format, want := range map[string]string{
		"json": `"schema": 1`, "cyclonedx": `"bomFormat"`, "spdx": `"spdxVersion"`, "sarif": `"2.1.0"`, "junit": "<testsuite", "markdown": "clean", "table": "clean",
		"indicators": "pool[.]example[.]com", "csv": "pool.example.com", "stix": `"bundle"`, "misp": `"Event"`,
	} {
		res := s.get("/api/v1/reports/" + string(digest(1)) + "/exports/" + format).is(200)
		if !strings.Contains(res.body, want) || !strings.HasPrefix(res.header.Get("Content-Disposition"), `attachment; filename="detonaut-`) {
			t.Errorf("%s: got %v and %.300s", format, res.header, res.body)
		}
	}
}

// A query is in the language of the search box; a parameter beside it is stronger.
func TestSearch(t *testing.T) {
	s := newServer(t)
	s.put(1, detonaut.Clean, "sha256:1")
	s.put(2, detonaut.Malicious, "sha256:1")
	got := read[api.Found](s.get("/api/v1/reports?q=verdict%3Amalicious&order=worst&facets=true").is(200))
	if got.Total != 1 || len(got.Items) != 1 || got.Items[0].Digest != digest(2) {
		t.Errorf("got %+v", got)
	}
}

func TestArtifacts(t *testing.T) {
	s := newServer(t, func(o *api.Options, _ *guard.Options) { o.Blobs = noBlobs{} })
	sum := s.put(1, detonaut.Clean, "sha256:1")
	path := "/api/v1/reports/" + string(digest(1)) + "/artifacts"
	if got := s.get(path).is(200).body; got != `{"items":[]}`+"\n" {
		t.Errorf("got %s", got)
	}
	e, err := s.store.Get(t.Context(), digest(1), "")
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("ab", 32)
	e.Blobs = map[string]string{"tape.jsonl.zst": "01", "payloads/" + hash: hash}
	if _, err := s.store.Put(t.Context(), *e); err != nil {
		t.Fatal(err)
	}
	got := read[api.Artifacts](s.get(path + "?fingerprint=" + sum.Key).is(200)).Items
	page := "/image/" + string(digest(1)) + "/download/"
	want := []api.Artifact{
		{Name: "payloads/" + hash, SHA256: hash, Path: page + "payloads/" + hash + ".zip?fingerprint=" + sum.Key},
		{Name: "tape.jsonl.zst", SHA256: "01", Path: page + "tape.jsonl.zst?fingerprint=" + sum.Key},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// noBlobs has none.
type noBlobs struct{}

func (noBlobs) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return nil, 0, store.ErrNotFound
}

func TestCompare(t *testing.T) {
	s := newServer(t)
	s.put(1, detonaut.Clean, "sha256:1")
	s.put(2, detonaut.Malicious, "sha256:1")
	got := read[difference.Difference](s.get("/api/v1/compare?a=" + string(digest(1)) + "&b=" + string(digest(2))).is(200))
	if got.A.Verdict != detonaut.Clean || got.B.Verdict != detonaut.Malicious || !got.Comparable {
		t.Errorf("got %+v", got)
	}
	at := slices.IndexFunc(got.Parts, func(p difference.Part) bool { return p.Name == difference.Hosts })
	if hosts := got.Parts[at]; len(hosts.New) != 1 || hosts.New[0].Key != "host2.example.com" || len(hosts.Gone) != 1 || hosts.Same != 1 {
		t.Errorf("got the hosts %+v", hosts)
	}
	s.get("/api/v1/compare?a=" + string(digest(1)) + "&b=" + string(digest(404))).is(404)
	s.get("/api/v1/compare?a=" + string(digest(1))).is(422)
}

// A client that follows the links has all lines, each once.
func TestPages(t *testing.T) {
	s := newServer(t)
	for n := range 7 {
		s.put(n, detonaut.Clean, "sha256:1")
	}
	for path, want := range map[string]int{
		"/api/v1/reports?limit=3":                                                           7,
		"/api/v1/facts?kind=domain&value=POOL.example.com.&limit=3":                         7,
		"/api/v1/facts?kind=domain&value=host3.example.com":                                 1,
		"/api/v1/repository/history?registry=docker.io&name=library%2Fthing&limit=3":        7,
		"/api/v1/repository/history?registry=docker.io&name=library%2Fthing&tag=v2&limit=3": 1,
		"/api/v1/repository/history?registry=docker.io&name=library%2Fother":                0,
	} {
		seen, parts := map[detonaut.Digest]bool{}, 0
		for next := path; next != ""; parts++ {
			res := s.get(next).is(200)
			got := read[api.List[store.Summary]](res)
			for _, line := range got.Items {
				if seen[line.Digest] {
					t.Errorf("%s: %s twice", path, line.Digest)
				}
				seen[line.Digest] = true
			}
			next = ""
			if link := res.header.Get("Link"); link != "" {
				address, ok := strings.CutSuffix(link, `>; rel="next"`)
				if !ok || got.Next == "" || !strings.Contains(address, "cursor="+url.QueryEscape(got.Next)) {
					t.Fatalf("%s: got the link %s with next %q", path, link, got.Next)
				}
				next = strings.TrimPrefix(address, "<")
			}
		}
		if len(seen) != want || parts != max(1, (want+2)/3) {
			t.Errorf("%s: got %d lines in %d parts, want %d", path, len(seen), parts, want)
		}
	}
	if got := s.get("/api/v1/repository/history?registry=a&name=b").is(200).body; got != `{"items":[]}`+"\n" {
		t.Errorf("got %s, want a list without lines", got)
	}
}

func TestFacts(t *testing.T) {
	s := newServer(t)
	s.put(1, detonaut.Clean, "sha256:1")
	s.put(2, detonaut.Clean, "sha256:1")
	got := s.get("/api/v1/facts/prevalence?fact=domain:host1.example.com&fact=domain:pool.example.com&fact=layer:" + url.QueryEscape(string(digest(99))) + "&fact=domain:none.example.com").is(200).body
	want := fmt.Sprintf(`{"items":[{"kind":"domain","value":"host1.example.com","images":1},{"kind":"domain","value":"pool.example.com","images":2},`+
		`{"kind":"layer","value":%q,"images":2},{"kind":"domain","value":"none.example.com","images":0}]}`+"\n", digest(99))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r := read[store.Repository](s.get("/api/v1/repository?registry=docker.io&name=library/thing").is(200)); r.Name != "library/thing" {
		t.Errorf("got %+v", r)
	}
}

// A public server is read without a key, by pages of other sites, too; nothing can be
// submitted to it, with any key.
func TestPublic(t *testing.T) {
	s := newServer(t, public)
	admin := s.key
	s.key = ""
	s.put(1, detonaut.Clean, "sha256:1")
	res := s.get("/api/v1/reports/"+string(digest(1)), "Origin", "https://other.example").is(200)
	if res.header.Get("Access-Control-Allow-Origin") != "*" || res.header.Get("Cache-Control") != "public, no-cache" {
		t.Errorf("got %v", res.header)
	}
	if v := read[api.Version](s.get("/api/v1/version").is(200)); !v.Public || v.Version != "v1.2.3" || v.Schema != detonaut.Schema {
		t.Errorf("got %+v", v)
	}
	if n := read[api.Numbers](s.get("/api/v1/numbers").is(200)); n.Reports != 1 {
		t.Errorf("got %+v", n)
	}
	s.post("/api/v1/scans", map[string]string{"ref": "a"}).is(403)
	if res := s.as(admin).post("/api/v1/scans", map[string]string{"ref": "a"}).is(403); !strings.Contains(res.body, "read-only") {
		t.Errorf("got %s", res.body)
	}
	s.get("/api/v1/audit").is(401)
	s.as(admin).get("/api/v1/audit").is(200)
	res = s.do(http.MethodOptions, "/api/v1/reports", "", "Origin", "https://other.example", "Access-Control-Request-Method", "GET")
	if res.status != 204 || res.header.Get("Access-Control-Allow-Methods") != "GET, HEAD" {
		t.Errorf("got %d and %v", res.status, res.header)
	}
	private := newServer(t)
	res = private.do(http.MethodOptions, "/api/v1/reports", "", "Origin", "https://other.example", "Access-Control-Request-Method", "GET")
	if res.header.Get("Access-Control-Allow-Origin") != "" || res.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("a private server lets pages of others in: %v", res.header)
	}
}

// Anybody who reads a report may dispute it; what was said only administrators read.
func TestDispute(t *testing.T) {
	s := newServer(t, public)
	admin := s.key
	s.key = ""
	s.put(1, detonaut.Malicious, "sha256:1")
	s.post("/api/v1/reports/"+string(digest(1))+"/disputes", api.NewDispute{Text: " It is a test. ", Contact: "a@example.com"}).is(201)
	s.get("/api/v1/disputes").is(401)
	got := read[api.List[store.Dispute]](s.as(admin).get("/api/v1/disputes?digest=" + url.QueryEscape(string(digest(1)))).is(200))
	if len(got.Items) != 1 || got.Items[0].Text != "It is a test." || got.Items[0].Digest != digest(1) {
		t.Errorf("got %+v", got)
	}
	if got := read[api.List[store.Dispute]](s.as(admin).get("/api/v1/disputes?digest=" + url.QueryEscape(string(digest(2)))).is(200)); len(got.Items) != 0 {
		t.Errorf("got %+v of another image", got)
	}
}
