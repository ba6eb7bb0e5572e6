package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
)

var digest = detonaut.Digest("sha256:" + strings.Repeat("ab", 32))

const (
	hubBody = `{"callback_url":"https://registry.hub.docker.com/u/someone/app/hook/x/","push_data":{"images":[],"pushed_at":1417566161,"pusher":"someone","tag":"v1"},
		"repository":{"comment_count":0,"name":"app","namespace":"someone","owner":"someone","repo_name":"someone/app","repo_url":"https://registry.hub.docker.com/u/someone/app/","status":"Active"}}`
	harborBody = `{"type":"PUSH_ARTIFACT","occur_at":1700000000,"operator":"admin","event_data":{"resources":[{"digest":"DIGEST","tag":"v1","resource_url":"harbor.example/acme/deep/app:v1"},
		{"digest":"DIGEST","tag":"","resource_url":"harbor.example/acme/deep/app@DIGEST"}],"repository":{"name":"deep/app","namespace":"acme","repo_full_name":"acme/deep/app","repo_type":"private"}}}`
	cloudBody = `{"specversion":"1.0","id":"4","source":"/projects/1/webhook/policies/1","type":"harbor.artifact.pushed","time":"2026-01-02T03:04:05Z",
		"data":{"resources":[{"digest":"DIGEST","tag":"v1","resource_url":"harbor.example/acme/app:v1"}],"repository":{"repo_full_name":"acme/app"}}}`
	quayBody         = `{"name":"app","repository":"acme/app","namespace":"acme","docker_url":"quay.io/acme/app","homepage":"https://quay.io/repository/acme/app","updated_tags":["latest","v1"]}`
	distributionBody = `{"events":[
		{"id":"1","timestamp":"2026-01-02T03:04:05.678Z","action":"push","target":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"DIGEST","repository":"team/app","tag":"v1","url":"https://r.example:5000/v2/team/app/manifests/DIGEST"},"request":{"host":"r.example:5000","method":"PUT"}},
		{"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"DIGEST","repository":"team/app"},"request":{"host":"r.example:5000"}},
		{"action":"push","target":{"mediaType":"application/octet-stream","digest":"DIGEST","repository":"team/app"},"request":{"host":"r.example:5000"}},
		{"action":"pull","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"DIGEST","repository":"team/app","tag":"v1"},"request":{"host":"r.example:5000"}},
		{"action":"push","timestamp":"not one","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"sha512:x","repository":"a","tag":"2","url":"http://other.example/v2/a/manifests/x"}}]}`
)

func body(s string) []byte { return []byte(strings.ReplaceAll(s, "DIGEST", string(digest))) }

func TestParse(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		kind, body string
		want       []Pushed
	}{
		{"dockerhub", hubBody, []Pushed{{"docker.io", "someone/app", "v1", "", time.Unix(1417566161, 0).UTC()}}},
		{"dockerhub", `{"push_data":{"pushed_at":1.5e9,"tag":"1"},"repository":{"repo_name":"nginx"}}`, []Pushed{{"docker.io", "library/nginx", "1", "", time.Unix(1.5e9, 0).UTC()}}},
		{"harbor", harborBody, []Pushed{{"harbor.example", "acme/deep/app", "v1", digest, time.Unix(1700000000, 0).UTC()}}},
		{"harbor", cloudBody, []Pushed{{"harbor.example", "acme/app", "v1", digest, at}}},
		{"quay", quayBody, []Pushed{{Registry: "quay.io", Repository: "acme/app", Tag: "latest"}, {Registry: "quay.io", Repository: "acme/app", Tag: "v1"}}},
		{"quay", `{"repository":"a/b","docker_url":"q.example/a/b","updated_tags":{"z":"id","y":null}}`, []Pushed{{Registry: "q.example", Repository: "a/b", Tag: "y"}, {Registry: "q.example", Repository: "a/b", Tag: "z"}}},
		{"distribution", distributionBody, []Pushed{
			{"r.example:5000", "team/app", "v1", digest, at.Add(678 * time.Millisecond)}, {Registry: "other.example", Repository: "a", Tag: "2"},
		}},
	} {
		got, err := Parse(tc.kind, body(tc.body))
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, %v; want %+v", tc.kind, got, err, tc.want)
		}
	}
}

// TestNothing: what is no push of an image, or of one that cannot be, is nothing.
func TestNothing(t *testing.T) {
	for kind, bodies := range map[string][]string{
		"dockerhub": {
			`{}`, `null`, `{"push_data":{"tag":"1"}}`, `{"push_data":{"tag":"a b"},"repository":{"repo_name":"x/y"}}`,
			`{"push_data":{"tag":"1"},"repository":{"repo_name":"../x"}}`, `{"push_data":{"tag":"1"},"repository":{"repo_name":"x/\u001b[31m"}}`,
			`{"push_data":{"tag":"1@sha256:x"},"repository":{"repo_name":"x/y"}}`,
		},
		"harbor": {
			`{"type":"PULL_ARTIFACT","event_data":{"resources":[{"tag":"1","resource_url":"h.example/a/b:1"}],"repository":{"repo_full_name":"a/b"}}}`,
			`{"type":"PUSH_ARTIFACT","event_data":{"resources":[{"tag":"1","resource_url":"/a/b:1"}],"repository":{"repo_full_name":"a/b"}}}`,
			`{"type":"SCANNING_COMPLETED"}`, `{"type":"PUSH_ARTIFACT"}`,
		},
		"quay":         {`{}`, `{"repository":"a/b","docker_url":"quay.io/a/b","updated_tags":"x"}`, `{"repository":"a/b","docker_url":"nohost","updated_tags":["x"]}`},
		"distribution": {`{}`, `{"events":[]}`, `{"events":[{"action":"delete"}]}`},
	} {
		for _, b := range bodies {
			if got, err := Parse(kind, []byte(b)); err != nil || len(got) != 0 {
				t.Errorf("%s %s: %+v, %v", kind, b, got, err)
			}
		}
	}
}

func TestBad(t *testing.T) {
	many := make([]string, MaxEvents+1)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	tags, err := json.Marshal(map[string]any{"repository": "a/b", "docker_url": "quay.io/a/b", "updated_tags": many})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		kind string
		body []byte
		want error
	}{
		{"github", []byte("{}"), detonaut.ErrUsage},
		{"quay", []byte("{"), detonaut.ErrCorrupt},
		{"quay", nil, detonaut.ErrCorrupt},
		{"harbor", []byte(`{"event_data":7}`), detonaut.ErrCorrupt},
		{"distribution", []byte(`[]`), detonaut.ErrCorrupt},
		{"dockerhub", make([]byte, MaxBody+1), detonaut.ErrLimit},
		{"quay", tags, detonaut.ErrLimit},
	} {
		if got, err := Parse(tc.kind, tc.body); !errors.Is(err, tc.want) || got != nil {
			t.Errorf("%s %.40q: %+v, %v, want %v", tc.kind, tc.body, got, err, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for i, b := range []string{distributionBody, hubBody, harborBody, quayBody, cloudBody} {
		f.Add(i, body(b))
	}
	f.Fuzz(func(t *testing.T, which int, b []byte) {
		got, err := Parse(Kinds[uint(which)%uint(len(Kinds))], b)
		if err != nil && got != nil || len(got) > MaxEvents {
			t.Errorf("%d pushes, %v", len(got), err)
		}
		for _, p := range got {
			if _, ok := checked(p); !ok || p.Registry == "" || p.Repository == "" || p.Tag == "" || strings.ContainsAny(p.Registry+p.Repository+p.Tag, " \n\x1b") {
				t.Errorf("%+v", p)
			}
		}
	})
}
