package look_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/look"
	"github.com/detonaut/detonaut/internal/survey/source"
)

func TestMain(m *testing.M) {
	// The user's credentials are no part of the tests.
	if err := os.Setenv("DOCKER_CONFIG", filepath.Join(os.TempDir(), "detonaut-test-has-no-docker-config")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func registry(t *testing.T) *imagetest.Registry {
	t.Helper()
	r := imagetest.NewRegistry()
	t.Cleanup(r.Close)
	return r
}

// of is the text of an image.
func of(platform, text string) string {
	return "PLATFORM " + platform + "\n-- /file --\n" + text + "\n"
}

func push(t *testing.T, r *imagetest.Registry, name, text string) detonaut.Digest {
	t.Helper()
	img := imagetest.Image(t, text)
	if _, err := r.Push(name, img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return detonaut.Digest(d.String())
}

// index pushes an index of images, each a text, by their platforms.
func index(t *testing.T, r *imagetest.Registry, name string, texts map[string]string) {
	t.Helper()
	if _, err := r.PushIndex(name, imagetest.Index(t, texts)); err != nil {
		t.Fatal(err)
	}
}

// Media types.
const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	schema1     = "application/vnd.docker.distribution.manifest.v1+json"
)

func repo(r *imagetest.Registry, name string, wanted ...string) store.Candidate {
	return store.Candidate{Repository: store.Repository{Registry: r.Host(), Name: name}, Wanted: wanted}
}

// said is what came of a look, a line for each item.
func said(items []store.Item, reason store.Reason) (lines []string) {
	if reason != "" {
		lines = append(lines, "repository: "+string(reason))
	}
	for _, i := range items {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %s %s %s", i.Name.Tag, i.Platform, i.State, i.Reason), " "))
	}
	return lines
}

func want(t *testing.T, items []store.Item, reason store.Reason, err error, lines ...string) {
	t.Helper()
	if got := said(items, reason); err != nil || !slices.Equal(got, lines) {
		t.Errorf("got %q, %v; want %q", got, err, lines)
	}
	for _, i := range items {
		if i.State == store.ItemReady && (i.Digest == "" || i.Size <= 0 || i.Reason != "") || i.State == store.ItemSkipped && i.Reason == "" {
			t.Errorf("%+v", i)
		}
	}
}

func TestTags(t *testing.T) {
	r := registry(t)
	for i, tag := range []string{"latest", "1.9", "1.10", "1.10-rc1", "main", "v2.0", "sha256-abc.sig"} {
		push(t, r, "app:"+tag, of("linux/amd64", fmt.Sprint(i)))
	}
	push(t, r, "other:1.0", of("linux/amd64", "other"))
	push(t, r, "other:dev", of("linux/amd64", "dev"))
	amd := []string{"linux/amd64"}
	for _, tc := range []struct {
		name   string
		c      store.Candidate
		choice store.Choice
		want   []string
	}{
		{"latest", repo(r, "app"), store.Choice{Platforms: amd}, []string{"latest linux/amd64 ready"}},
		{"no latest", repo(r, "other"), store.Choice{Platforms: amd}, []string{"1.0 linux/amd64 ready"}},
		{"no platform named", repo(r, "other"), store.Choice{}, []string{"1.0 linux/amd64 ready"}},
		{"newest", repo(r, "app"), store.Choice{Tags: 3}, []string{"latest linux/amd64 ready", "v2.0 linux/amd64 ready", "1.10 linux/amd64 ready"}},
		{"all", repo(r, "app"), store.Choice{Tags: -1}, []string{
			"latest linux/amd64 ready", "v2.0 linux/amd64 ready", "1.10 linux/amd64 ready", "1.10-rc1 linux/amd64 ready",
			"1.9 linux/amd64 ready", "main linux/amd64 ready", "sha256-abc.sig linux/amd64 ready",
		}},
		{"wanted", repo(r, "app", "1.9", "none"), store.Choice{Tags: -1}, []string{"1.9 linux/amd64 ready", "none  skipped no such tag"}},
		{"unknown", repo(r, "nobody"), store.Choice{}, []string{"repository: not found"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			items, reason, err := look.Repository(t.Context(), tc.c, tc.choice, look.Options{Image: options(t)})
			want(t, items, reason, err, tc.want...)
		})
	}
	if n := r.Count("blobs/.*bytes"); n != 0 {
		t.Error("layers were asked for")
	}
}

func TestWantedDigest(t *testing.T) {
	r := registry(t)
	d := push(t, r, "app:1", of("linux/amd64", "x"))
	gone := "sha256:" + strings.Repeat("0", 64)
	items, reason, err := look.Repository(t.Context(), repo(r, "app", string(d), gone), store.Choice{}, look.Options{Image: options(t)})
	want(t, items, reason, err, " linux/amd64 ready", "  skipped not found")
	if items[0].Digest != d || look.Ref(items[0]) != detonaut.Ref(r.Host()+"/app@"+string(d)) {
		t.Errorf("%+v", items[0])
	}
}

func TestPlatforms(t *testing.T) {
	r := registry(t)
	index(t, r, "multi:latest", map[string]string{
		"linux/amd64": of("linux/amd64", "a"), "linux/arm64/v8": of("linux/arm64/v8", "b"), "windows/amd64": of("windows/amd64", "c"),
		"unknown/unknown": of("linux/amd64", "attestation"),
	})
	index(t, r, "windows:latest", map[string]string{"windows/amd64": of("windows/amd64", "w")})
	push(t, r, "arm:latest", of("linux/arm64", "x"))
	for _, tc := range []struct {
		repo      string
		platforms []string
		all       bool
		want      []string
	}{
		{"multi", []string{"linux/amd64"}, false, []string{"latest linux/amd64 ready"}},
		{"multi", []string{"linux/s390x", "linux/arm64", "linux/amd64"}, false, []string{"latest linux/arm64/v8 ready"}},
		{"multi", []string{"linux/s390x", "linux/arm64", "linux/amd64"}, true, []string{"latest linux/amd64 ready", "latest linux/arm64/v8 ready"}},
		{"multi", []string{"linux/amd64", "linux/amd64"}, true, []string{"latest linux/amd64 ready"}},
		{"multi", []string{"linux/s390x"}, true, []string{"latest  skipped other platforms only"}},
		{"multi", []string{"nonsense"}, false, []string{"latest  skipped other platforms only"}},
		{"windows", []string{"linux/amd64"}, false, []string{"latest  skipped other platforms only"}},
		{"arm", []string{"linux/amd64"}, false, []string{"latest linux/arm64 skipped other platforms only"}},
		{"arm", []string{"linux/amd64", "linux/arm64"}, false, []string{"latest linux/arm64 ready"}},
	} {
		items, reason, err := look.Repository(t.Context(), repo(r, tc.repo), store.Choice{Platforms: tc.platforms, All: tc.all}, look.Options{Image: options(t)})
		want(t, items, reason, err, tc.want...)
	}
}

func manifest(t *testing.T, config string, layers ...string) []byte {
	t.Helper()
	of := func(t string) map[string]any {
		return map[string]any{"mediaType": t, "size": 2, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
	}
	list := []map[string]any{}
	for _, l := range layers {
		list = append(list, of(l))
	}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ociManifest, "config": of(config), "layers": list})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestReasons: everything that is skipped says why.
func TestReasons(t *testing.T) {
	r := registry(t)
	put := func(name string, raw []byte) {
		if _, err := r.PutManifest(name+":latest", ociManifest, raw); err != nil {
			t.Fatal(err)
		}
	}
	put("chart", manifest(t, "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
	put("sig", manifest(t, ociConfig, "application/vnd.dev.cosign.simplesigning.v1+json"))
	put("foreign", manifest(t, ociConfig, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"))
	put("layerless", manifest(t, ociConfig))
	if _, err := r.PutManifest("hollow:latest", ociIndex, []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)); err != nil {
		t.Fatal(err)
	}
	push(t, r, "large:latest", of("linux/amd64", "x"))
	push(t, r, "corrupt:latest", of("linux/amd64", "y"))
	push(t, r, "secret:latest", of("linux/amd64", "z"))
	r.Inject("^GET /v2/corrupt/manifests", -1, imagetest.Corrupt())
	r.Inject("/v2/secret/", -1, imagetest.Status(401))
	r.Inject("/v2/old/manifests", -1, imagetest.Answer(schema1, []byte(`{"schemaVersion":1,"fsLayers":[]}`)))
	r.Inject("^GET /v2/empty/tags", -1, imagetest.Answer("application/json", []byte(`{"name":"empty","tags":null}`)))
	r.Inject("^GET /v2/gone/tags", -1, imagetest.Answer("application/json", []byte(`{"name":"gone","tags":["v1"]}`)))
	for _, tc := range []struct {
		repo string
		want string
	}{
		{"chart", "latest  skipped not an image"},
		{"sig", "latest  skipped not an image"},
		{"foreign", "latest  skipped a format that is not read"},
		{"layerless", "latest  skipped what the registry says makes no sense"},
		{"hollow", "latest  skipped what the registry says makes no sense"},
		{"large", "latest  skipped too large"},
		{"corrupt", "latest  skipped what the registry says makes no sense"},
		{"old", "latest  skipped a format that is not read"},
		{"secret", "repository: access refused"},
		{"empty", "repository: no tags"},
		{"gone", "v1  skipped not found"},
	} {
		t.Run(tc.repo, func(t *testing.T) {
			o := options(t)
			if tc.repo == "large" {
				o.Caps.CompressedBytes = 1
			}
			items, reason, err := look.Repository(t.Context(), repo(r, tc.repo), store.Choice{}, look.Options{Image: o})
			want(t, items, reason, err, tc.want)
		})
	}
}

// TestBusy: what may be another time is an error, and nothing is half said.
func TestBusy(t *testing.T) {
	r := registry(t)
	push(t, r, "app:1", of("linux/amd64", "x"))
	push(t, r, "app:2", of("linux/amd64", "y"))
	for name, tc := range map[string]struct {
		pattern string
		fault   imagetest.Fault
		busy    bool
	}{
		"busy tags":     {"tags/list", imagetest.Busy(3600), true},
		"busy manifest": {"manifests/1$", imagetest.Busy(3600), true},
		"down":          {"none", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			r.Inject(tc.pattern, -1, tc.fault)
			o := options(t)
			if tc.fault == nil {
				o.Transport = func(next http.RoundTripper) http.RoundTripper { return broken{next} }
			}
			items, reason, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{Tags: -1}, look.Options{Image: o})
			var busy *detonaut.Busy
			if err == nil || errors.As(err, &busy) != tc.busy || items != nil || reason != "" || look.Reason(err) != "" {
				t.Errorf("%v, %q, %v", said(items, reason), reason, err)
			}
			if busy != nil && busy.Wait != time.Hour {
				t.Errorf("%v", busy)
			}
		})
		r = registry(t)
		push(t, r, "app:1", of("linux/amd64", "x"))
		push(t, r, "app:2", of("linux/amd64", "y"))
	}
}

// broken is a network on which manifests cannot be had, at which nobody tries again.
type broken struct{ next http.RoundTripper }

func (b broken) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "manifests/1") {
		return nil, http.ErrSchemeMismatch
	}
	return b.next.RoundTrip(req)
}

// TestNewest: a source that knows times decides, and of tags that are one image it is asked once.
func TestNewest(t *testing.T) {
	r := registry(t)
	img := of("linux/amd64", "x")
	d := push(t, r, "app:1.27", img)
	push(t, r, "app:1", img)
	push(t, r, "app:9.9", of("linux/amd64", "old"))
	pushed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := look.Options{Image: options(t), Newest: func(_ context.Context, registry, repository string, n int) ([]source.Tag, bool, error) {
		if registry != r.Host() || repository != "app" {
			t.Errorf("asked for %s/%s", registry, repository)
		}
		return []source.Tag{{Name: "1.27", Pushed: pushed, Digest: d}, {Name: "1", Pushed: pushed.Add(-time.Hour), Digest: d}}, n < 50, nil
	}}
	items, reason, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{Tags: 2}, o)
	want(t, items, reason, err, "1.27 linux/amd64 ready", "1 linux/amd64 ready")
	if items[0].Digest != items[1].Digest || !items[0].Pushed.Equal(pushed) || !items[1].Pushed.Equal(pushed.Add(-time.Hour)) {
		t.Errorf("%+v", items)
	}
	if n := r.Count("manifests"); n != 2 { // HEAD and GET
		t.Errorf("%d requests", n)
	}
	o.Newest = func(context.Context, string, string, int) ([]source.Tag, bool, error) {
		return nil, false, errors.ErrUnsupported
	}
	items, reason, err = look.Repository(t.Context(), repo(r, "app"), store.Choice{Tags: 1}, o)
	want(t, items, reason, err, "9.9 linux/amd64 ready")
	o.Newest = func(context.Context, string, string, int) ([]source.Tag, bool, error) { return nil, true, nil }
	items, reason, err = look.Repository(t.Context(), repo(r, "app"), store.Choice{Tags: 1}, o)
	want(t, items, reason, err, "repository: no tags")
	o.Newest = func(context.Context, string, string, int) ([]source.Tag, bool, error) {
		return nil, false, &detonaut.Busy{Host: "api", Wait: time.Minute}
	}
	var busy *detonaut.Busy
	if _, _, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{Tags: 1}, o); !errors.As(err, &busy) {
		t.Errorf("err = %v", err)
	}
}

// TestTold: of what a source tells all the registry is asked nothing.
func TestTold(t *testing.T) {
	r := registry(t)
	digest := func(n int) detonaut.Digest { return detonaut.Digest(fmt.Sprintf("sha256:%064x", n)) }
	tag := func(name string, n int, platforms ...string) source.Tag {
		tag := source.Tag{Name: name, Digest: digest(n)}
		for i, p := range platforms {
			tag.Images = append(tag.Images, source.TagImage{Digest: digest(n + i + 1), Platform: p, Size: int64(100 * n)})
		}
		return tag
	}
	all := []source.Tag{
		tag("new", 10, "windows/amd64", "linux/arm64/v8", "linux/amd64"), tag("latest", 20, "linux/amd64"), tag("windows", 30, "windows/amd64"),
		tag("large", 40, "linux/amd64"), tag("same", 20, "linux/amd64"),
	}
	o := look.Options{Image: options(t), Newest: func(context.Context, string, string, int) ([]source.Tag, bool, error) { return all, true, nil }}
	o.Image.Caps.CompressedBytes = 3999
	amd := []string{"linux/amd64"}
	items, reason, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{Platforms: amd}, o)
	want(t, items, reason, err, "latest linux/amd64 ready")
	if items[0].Digest != digest(21) || items[0].Size != 2000 {
		t.Errorf("%+v", items[0])
	}
	items, reason, err = look.Repository(t.Context(), repo(r, "app"), store.Choice{Platforms: amd, Tags: -1}, o)
	want(t, items, reason, err, "new linux/amd64 ready", "latest linux/amd64 ready", "windows  skipped other platforms only", "large linux/amd64 skipped too large", "same linux/amd64 ready")
	items, reason, err = look.Repository(t.Context(), repo(r, "app"), store.Choice{Platforms: []string{"linux/arm64", "linux/amd64"}, All: true, Tags: 1}, o)
	want(t, items, reason, err, "new linux/arm64/v8 ready", "new linux/amd64 ready")
	all = all[:1]
	items, reason, err = look.Repository(t.Context(), repo(r, "app"), store.Choice{Platforms: amd}, o)
	want(t, items, reason, err, "new linux/amd64 ready")
	if n := r.Count("."); n != 0 {
		t.Errorf("the registry was asked: %v", r.Requests())
	}
}

// TestLatestIsOld: "latest" may be older than all tags that the source tells of, or not be there.
func TestLatestIsOld(t *testing.T) {
	r := registry(t)
	push(t, r, "app:new", of("linux/amd64", "new"))
	push(t, r, "app:latest", of("linux/amd64", "old"))
	push(t, r, "other:new", of("linux/amd64", "new"))
	push(t, r, "other:zzz", of("linux/amd64", "last by its name"))
	o := look.Options{Image: options(t), Newest: func(context.Context, string, string, int) ([]source.Tag, bool, error) {
		return []source.Tag{{Name: "new"}}, false, nil
	}}
	items, reason, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{}, o)
	want(t, items, reason, err, "latest linux/amd64 ready")
	items, reason, err = look.Repository(t.Context(), repo(r, "other"), store.Choice{}, o)
	want(t, items, reason, err, "new linux/amd64 ready")
	items, reason, err = look.Repository(t.Context(), repo(r, "other"), store.Choice{Tags: 2}, o)
	want(t, items, reason, err, "zzz linux/amd64 ready", "new linux/amd64 ready")
}

// TestManyTags: a repository that has more tags than anybody looks at says so.
func TestManyTags(t *testing.T) {
	r := registry(t)
	push(t, r, "app:x", of("linux/amd64", "x"))
	d := push(t, r, "app:y", of("linux/amd64", "x"))
	var tags []string
	for i := range 1_000 {
		tags = append(tags, fmt.Sprintf("v%d", i))
	}
	raw, err := json.Marshal(map[string]any{"name": "app", "tags": tags})
	if err != nil {
		t.Fatal(err)
	}
	r.Inject("tags/list", -1, imagetest.Answer("application/json", raw))
	r.Inject("manifests/v", -1, func(w http.ResponseWriter, req *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Redirect(w, req, "/v2/app/manifests/"+string(d), http.StatusTemporaryRedirect)
	})
	items, reason, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{Tags: -1}, look.Options{Image: options(t)})
	if err != nil || reason != "" || len(items) != 201 {
		t.Fatalf("%d items, %q, %v", len(items), reason, err)
	}
	if items[0].Name.Tag != "v999" || items[0].State != store.ItemReady || items[200].Reason != store.ReasonMany || items[200].Name.Tag != "" {
		t.Errorf("%+v ... %+v", items[0], items[200])
	}
}

// TestMoved: a tag that is moved between look and pull changes nothing: what was seen is pulled; if that is
// gone, it is said so.
func TestMoved(t *testing.T) {
	r := registry(t)
	push(t, r, "app:latest", of("linux/amd64", "before"))
	items, reason, err := look.Repository(t.Context(), repo(r, "app"), store.Choice{}, look.Options{Image: options(t)})
	want(t, items, reason, err, "latest linux/amd64 ready")
	after := push(t, r, "app:latest", of("linux/amd64", "after"))
	img, err := image.Pull(t.Context(), look.Ref(items[0]), options(t))
	if err != nil {
		t.Fatal(err)
	}
	if img.Digest != items[0].Digest || img.Digest == after {
		t.Errorf("pulled %s", img.Digest)
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	r.Inject("manifests/"+string(items[0].Digest), -1, imagetest.Status(404))
	_, err = image.Pull(t.Context(), look.Ref(items[0]), options(t))
	if look.Reason(err) != store.ReasonGone {
		t.Errorf("%q of %v", look.Reason(err), err)
	}
}

func TestReason(t *testing.T) {
	for err, want := range map[error]store.Reason{
		nil: "", errors.New("network"): "", context.Canceled: "", &detonaut.Busy{}: "",
		detonaut.ErrNotFound: store.ReasonGone, detonaut.ErrUnauthorized: store.ReasonRefused, detonaut.ErrLimit: store.ReasonLarge,
		detonaut.ErrCorrupt: store.ReasonBroken, detonaut.ErrUnsupported: store.ReasonFormat, detonaut.ErrPlatform: store.ReasonPlatform,
	} {
		if err != nil {
			err = fmt.Errorf("pull: %w", err)
		}
		if got := look.Reason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	order := []string{
		"sha256-abc.att", "sha256-abc.sig", "alpine", "edge", "nightly", "vault", "0.9", "1-alpine", "1", "1.2-alpine", "1.2-rc1", "1.2-rc2", "1.2", "1.2.1", "1.10",
		"v1.10.0-rc.1", "1.10.0", "v2", "2.0", "2019.1", "20240101", "20240102", "latest",
	}
	for i, a := range order {
		for j, b := range order {
			if got := look.Compare(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s, %s: %d", a, b, got)
			}
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("1.2-rc1", "1.2", "v1.10")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba := look.Compare(a, b), look.Compare(b, a)
		if ab != -ba || (ab == 0) != (a == b) {
			t.Errorf("%q, %q: %d and %d", a, b, ab, ba)
		}
		if ab <= 0 && look.Compare(b, c) <= 0 && look.Compare(a, c) > 0 {
			t.Errorf("%q, %q, %q have no order", a, b, c)
		}
	})
}
