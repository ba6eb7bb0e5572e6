package hub

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
)

func newHub(t *testing.T, repositories int) *Hub {
	t.Helper()
	h, err := New(Options{Seed: 1, Repositories: repositories})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// What is shared is as was found in Docker Hub.
func TestSharing(t *testing.T) {
	h := newHub(t, 10_000)
	unpacked := map[string][]string{}
	files, users := 0, map[string]int{}
	contents := map[string]bool{}
	for i := range h.images {
		d := &h.images[i]
		if d.kind == Bomb || d.kind == Crowd {
			continue
		}
		m, err := h.make(d, ours())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range m.layers {
			users[l.digest]++
			if unpacked[l.digest] == nil {
				unpacked[l.digest] = contentsOf(t, l)
			}
			files += len(unpacked[l.digest])
			for _, c := range unpacked[l.digest] {
				contents[c] = true
			}
		}
	}
	if share := float64(len(contents)) / float64(files); share < 0.025 || share > 0.045 {
		t.Errorf("of %d files %d are left when each content is kept once: %.3f", files, len(contents), share)
	}
	alone := 0
	for _, n := range users {
		if n == 1 {
			alone++
		}
	}
	if share := float64(alone) / float64(len(users)); share < 0.8 {
		t.Errorf("of %d layers %d are in one image only: %.2f", len(users), alone, share)
	}
}

func contentsOf(t *testing.T, l layer) (found []string) {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(l.body))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		head, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if head.Typeflag == tar.TypeReg {
			b, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, digestOf(b))
		}
	}
}

// Two of one seed are the same; every kind is there, also in a small one.
func TestDraw(t *testing.T) {
	a, b := newHub(t, 200), newHub(t, 200)
	kinds := map[Kind]bool{}
	for i, r := range a.Repositories() {
		kinds[r.Kind] = true
		if x, y := a.Outcome(r), b.Outcome(b.Repositories()[i]); r.Name != b.Repositories()[i].Name || x.Planted.Digest != y.Planted.Digest {
			t.Errorf("%s: %s, and %s the other time", r.Name, x.Planted.Digest, y.Planted.Digest)
		}
	}
	if len(kinds) != len(shares)+1 {
		t.Errorf("%d kinds of %d: %v", len(kinds), len(shares)+1, kinds)
	}
}

var nextPage = regexp.MustCompile(`^<(.*)>; rel="next"$`)

// All repositories are listed, each once, and what is under their tags is what its digests say.
func TestRegistry(t *testing.T) {
	h := newHub(t, 3000)
	s := httptest.NewServer(h.Registry())
	defer s.Close()
	get := func(path string) (http.Header, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Header, body
	}
	var names []string
	for path := "/v2/_catalog?n=700"; path != ""; {
		head, body := get(path)
		var list struct{ Repositories []string }
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		names = append(names, list.Repositories...)
		path = ""
		if m := nextPage.FindStringSubmatch(head.Get("Link")); m != nil {
			path = m[1]
		}
	}
	if len(names) != 3000 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != 3000 {
		t.Errorf("%d repositories are listed", len(names))
	}
	for _, r := range h.Repositories()[:300] {
		if r.Kind != Plain {
			continue
		}
		head, body := get("/v2/" + r.Name + "/manifests/" + r.Tag)
		want := h.Outcome(r).Planted.Digest
		if head.Get("Docker-Content-Digest") != want || digestOf(body) != want {
			t.Errorf("%s has %s, want %s", r.Name, digestOf(body), want)
		}
		var m manifest
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		for _, d := range append(m.Layers, *m.Config) {
			if _, body := get("/v2/" + r.Name + "/blobs/" + d.Digest); digestOf(body) != d.Digest || len(body) != d.Size {
				t.Errorf("%s: a blob of %d bytes with digest %s, want %d and %s", r.Name, len(body), digestOf(body), d.Size, d.Digest)
			}
		}
	}
}
