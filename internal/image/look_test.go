package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

func look(t *testing.T, ref string, choose func([]Seen) []Seen) []Seen {
	t.Helper()
	seen, err := Look(t.Context(), detonaut.Ref(ref), choose, options(t))
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestLookImage(t *testing.T) {
	reg := testRegistry(t)
	img := forPlatform(t, "linux/arm64/v8")
	ref := push(t, reg, "app:v1", img)
	got := look(t, ref, nil)
	if len(got) != 1 || string(got[0].Digest) != manifestDigest(t, img) || got[0].Platform != "linux/arm64/v8" ||
		got[0].Content != ContentImage || got[0].Size <= 0 || got[0].Created.IsZero() || got[0].Err != nil {
		t.Errorf("%+v", got)
	}
	if reqs := reg.Requests(); !strings.HasPrefix(reqs[0], "GET /v2/") && !strings.HasPrefix(reqs[0], "HEAD ") {
		t.Errorf("first of all it asked %s", reqs[0])
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	d, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	if n := reg.Count(d.String()); n != 0 {
		t.Error("it asked for a layer")
	}
	if reg.Count("^HEAD .*manifests") != 1 || reg.Count("^GET .*manifests") != 1 {
		t.Errorf("requests: %v", reg.Requests())
	}
}

// TestLookIndex: of an index what is chosen is read, and nothing else.
func TestLookIndex(t *testing.T) {
	reg := testRegistry(t)
	attestation := add(t, forPlatform(t, "linux/amd64"), "unknown/unknown")
	index := mutate.AppendManifests(empty.Index,
		add(t, forPlatform(t, "linux/amd64"), "linux/amd64"),
		add(t, forPlatform(t, "linux/arm64"), "linux/arm64/v8"),
		add(t, forPlatform(t, "windows/amd64"), "windows/amd64"), attestation)
	ref := pushIndex(t, reg, "app:v1", index)
	var said []Seen
	got := look(t, ref, func(there []Seen) []Seen {
		said = there
		var platforms []string
		for _, s := range there {
			platforms = append(platforms, s.Platform)
		}
		if BestPlatform("linux/arm64", platforms) != 1 || BestPlatform("linux/s390x", platforms) != -1 || BestPlatform("nonsense", platforms) != -1 {
			t.Errorf("best of %v is %d", platforms, BestPlatform("linux/arm64", platforms))
		}
		return there[1:2]
	})
	if len(said) != 4 || len(got) != 4 {
		t.Fatalf("%d were said, %d seen", len(said), len(got))
	}
	for i, want := range []Seen{
		{Platform: "linux/amd64", Content: ContentImage},
		{Platform: "linux/arm64/v8", Content: ContentImage, Read: true},
		{Platform: "windows/amd64", Content: ContentImage},
		{Content: ContentAttestation},
	} {
		if g := got[i]; g.Platform != want.Platform || g.Content != want.Content || g.Read != want.Read || (g.Size > 0) != want.Read || g.Err != nil {
			t.Errorf("%d: %+v, want %+v", i, g, want)
		}
	}
	if n := reg.Count("^GET .*manifests"); n != 2 {
		t.Errorf("%d manifests were read", n)
	}
	if n := reg.Count("blobs"); n != 0 {
		t.Error("a config was read, for which there was no need")
	}
	if got := look(t, ref, nil); !got[0].Read || !got[2].Read {
		t.Error("not all were read")
	}
}

func manifestOf(config, artifact string, layers ...string) []byte {
	type descriptor map[string]any
	of := func(t string) descriptor {
		return descriptor{"mediaType": t, "size": 2, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
	}
	m := descriptor{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "config": of(config)}
	if artifact != "" {
		m["artifactType"] = artifact
	}
	list := []descriptor{}
	for _, l := range layers {
		list = append(list, of(l))
	}
	m["layers"] = list
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return raw
}

// TestLookArtifacts: what is no image is called by its name, and is no error.
func TestLookArtifacts(t *testing.T) {
	const image = string(types.OCIConfigJSON)
	reg := testRegistry(t)
	for i, tc := range []struct {
		config, artifact string
		layers           []string
		want             Content
	}{
		{"application/vnd.cncf.helm.config.v1+json", "", []string{"application/vnd.cncf.helm.chart.content.v1.tar+gzip"}, ContentChart},
		{image, "", []string{"application/vnd.dev.cosign.simplesigning.v1+json"}, ContentSignature},
		{"application/vnd.oci.empty.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json", []string{"application/json"}, ContentSignature},
		{"application/vnd.cncf.notary.signature", "", []string{"application/jose+json"}, ContentSignature},
		{image, "", []string{"application/vnd.in-toto+json"}, ContentAttestation},
		{image, "", []string{"application/vnd.dsse.envelope.v1+json"}, ContentAttestation},
		{image, "", []string{"text/spdx+json"}, ContentSBOM},
		{"application/vnd.oci.empty.v1+json", "application/vnd.cyclonedx+json", []string{"application/json"}, ContentSBOM},
		{"application/vnd.wasm.config.v0+json", "", []string{"application/wasm"}, ContentWasm},
		{"application/vnd.oci.empty.v1+json", "", []string{"application/octet-stream"}, ContentOther},
		{"application/vnd.docker.plugin.v1+json", "", []string{string(types.DockerLayer)}, ContentOther},
		{"application/octet-stream", "", []string{"video/mp4"}, ContentOther},
		{"application/vnd.unknown.config.v1+json", "application/vnd.model\x1b[31m", nil, ContentOther},
	} {
		ref, err := reg.PutManifest(fmt.Sprintf("art:v%d", i), types.OCIManifestSchema1, manifestOf(tc.config, tc.artifact, tc.layers...))
		if err != nil {
			t.Fatal(err)
		}
		got := look(t, ref, nil)
		if len(got) != 1 || got[0].Content != tc.want || got[0].Err != nil || got[0].Digest == "" || got[0].Type == "" {
			t.Errorf("%+v: %+v", tc, got)
		}
		if strings.Contains(got[0].Type, "\x1b") {
			t.Errorf("%q", got[0].Type)
		}
	}
}

// TestLookBad: one bad manifest of an index is its own failure; all else fails as a pull does.
func TestLookBad(t *testing.T) {
	reg := testRegistry(t)
	good, lost := forPlatform(t, "linux/amd64"), forPlatform(t, "linux/arm64")
	index := mutate.AppendManifests(empty.Index, add(t, good, "linux/amd64"), add(t, lost, "linux/arm64"))
	ref := pushIndex(t, reg, "app:v1", index)
	gone := manifestDigest(t, lost)
	reg.Inject("^GET .*manifests/"+gone, 1, imagetest.Status(404))
	got := look(t, ref, nil)
	if got[0].Err != nil || !errors.Is(got[1].Err, detonaut.ErrNotFound) || got[1].Read {
		t.Errorf("%+v", got)
	}
	reg.Inject("^GET .*manifests/"+gone, 1, imagetest.Corrupt())
	if got := look(t, ref, nil); !errors.Is(got[1].Err, detonaut.ErrCorrupt) {
		t.Errorf("%+v", got[1])
	}
	reg.Inject("^GET .*manifests/"+gone, -1, imagetest.Status(500))
	if got, err := Look(t.Context(), detonaut.Ref(ref), nil, options(t)); err == nil || isLasting(err) {
		t.Errorf("a server that fails: %+v, %v", got, err)
	}
	for pattern, want := range map[string]struct {
		fault imagetest.Fault
		err   error
	}{
		"/v2/a/": {imagetest.Status(404), detonaut.ErrNotFound},
		"/v2/b/": {imagetest.Status(401), detonaut.ErrUnauthorized},
		"/v2/c/": {imagetest.Answer("text/html", []byte("<html>")), detonaut.ErrUnsupported},
		"/v2/d/": {imagetest.Answer(string(types.DockerManifestSchema1), []byte(`{"schemaVersion":1,"fsLayers":[]}`)), detonaut.ErrUnsupported},
	} {
		reg.Inject(pattern, -1, want.fault)
		if _, err := Look(t.Context(), detonaut.Ref(reg.Host()+strings.TrimPrefix(pattern, "/v2")+"x:1"), nil, options(t)); !errors.Is(err, want.err) {
			t.Errorf("%s: %v, want %v", pattern, err, want.err)
		}
	}
	if _, err := Look(t.Context(), "docker:nginx", nil, options(t)); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a daemon: %v", err)
	}
}

// TestLookBounds: an index that is too large, or all of which is wanted, is an error, and soon.
func TestLookBounds(t *testing.T) {
	reg := testRegistry(t)
	var many []mutate.IndexAddendum
	for i := range maxLooks + maxIndexReads + 1 {
		many = append(many, add(t, forPlatform(t, fmt.Sprintf("linux/arch%d", i)), fmt.Sprintf("linux/arch%d", i)))
	}
	ref := pushIndex(t, reg, "many:v1", mutate.AppendManifests(empty.Index, many...))
	if _, err := Look(t.Context(), detonaut.Ref(ref), nil, options(t)); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("err = %v", err)
	}
	if got := look(t, ref, func(s []Seen) []Seen { return s[:1] }); len(got) != len(many) || !got[0].Read {
		t.Errorf("%d seen", len(got))
	}
	entry := func(i int) map[string]any {
		return map[string]any{
			"mediaType": types.OCIManifestSchema1, "size": 2, "digest": fmt.Sprintf("sha256:%064x", i),
			"platform": map[string]string{"os": "linux", "architecture": "amd64"},
		}
	}
	var entries []map[string]any
	for i := range maxSeen + 1 {
		entries = append(entries, entry(i))
	}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": types.OCIImageIndex, "manifests": entries})
	if err != nil {
		t.Fatal(err)
	}
	reg.Inject("/v2/huge/", -1, imagetest.Answer(string(types.OCIImageIndex), raw))
	if _, err := Look(t.Context(), detonaut.Ref(reg.Host()+"/huge:1"), nil, options(t)); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("err = %v", err)
	}
}

// counting is a wrapper that fails as it is told, and counts.
type counting struct {
	next  http.RoundTripper
	asked *[]string
	fail  func(*http.Request) error
}

func (w counting) RoundTrip(req *http.Request) (*http.Response, error) {
	*w.asked = append(*w.asked, req.Method+" "+req.URL.Path)
	if err := w.fail(req); err != nil {
		return nil, err
	}
	return w.next.RoundTrip(req)
}

// TestTransport: what wraps the transport sees all requests, and that it has no time is what a pull says, at once.
func TestTransport(t *testing.T) {
	img := imagetest.Image(t, sample)
	for _, part := range []string{"manifests/v1", "manifests/sha256", "blobs/"} {
		reg := testRegistry(t)
		ref := push(t, reg, "app:v1", img)
		var asked []string
		o := options(t)
		busy := false
		o.Transport = func(next http.RoundTripper) http.RoundTripper {
			return counting{next: next, asked: &asked, fail: func(req *http.Request) error {
				if busy && strings.Contains(req.URL.Path, part) {
					return &detonaut.Busy{Host: req.URL.Host, Wait: time.Hour}
				}
				return nil
			}}
		}
		busy = true
		_, err := Pull(t.Context(), detonaut.Ref(ref), o)
		var got *detonaut.Busy
		if !errors.As(err, &got) || got.Host != reg.Host() || got.Wait != time.Hour || isLasting(err) {
			t.Errorf("%s: %v", part, err)
		}
		if n := len(slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return !strings.Contains(s, part) })); n != 1 {
			t.Errorf("%s: asked %d times", part, n)
		}
		busy = false
		mustPull(t, ref, o)
		if len(asked) < reg.Count(".") {
			t.Errorf("%d requests went by", reg.Count(".")-len(asked))
		}
	}
}

// TestBusyRegistry: one that asks to wait for long says so in a way that programs can read.
func TestBusyRegistry(t *testing.T) {
	reg := testRegistry(t)
	ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
	reg.Inject("blobs", -1, imagetest.Busy(20_000))
	_, err := Pull(t.Context(), detonaut.Ref(ref), options(t))
	var busy *detonaut.Busy
	if !errors.As(err, &busy) || busy.Host != reg.Host() || busy.Wait != 20_000*time.Second {
		t.Errorf("err = %v", err)
	}
	reg.Inject("tags", -1, imagetest.Busy(1_000_000_000))
	if _, _, err := Tags(t.Context(), reg.Host()+"/app", 10, options(t)); !errors.As(err, &busy) || busy.Wait != maxWait {
		t.Errorf("err = %v", err)
	}
}
