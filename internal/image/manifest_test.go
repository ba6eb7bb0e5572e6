package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// forPlatform is an image that says for whom it was built.
func forPlatform(t *testing.T, p string) v1.Image {
	t.Helper()
	return imagetest.Image(t, "PLATFORM "+p+"\n-- /for --\n"+p+"\n")
}

func add(t *testing.T, m mutate.Appendable, p string) mutate.IndexAddendum {
	t.Helper()
	d := v1.Descriptor{}
	if p != "" {
		parsed, err := v1.ParsePlatform(p)
		if err != nil {
			t.Fatal(err)
		}
		d.Platform = parsed
	}
	return mutate.IndexAddendum{Add: m, Descriptor: d}
}

func pushIndex(t *testing.T, r *imagetest.Registry, name string, index v1.ImageIndex) string {
	t.Helper()
	ref, err := r.PushIndex(name, index)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestPlatforms(t *testing.T) {
	reg := testRegistry(t)
	var list, nested v1.ImageIndex = empty.Index, empty.Index
	for _, p := range []string{"linux/amd64", "linux/amd64/v3", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "windows/amd64"} {
		list = mutate.AppendManifests(list, add(t, forPlatform(t, p), p))
	}
	nested = mutate.AppendManifests(nested, add(t, list, ""))
	attestation := add(t, forPlatform(t, "linux/s390x"), "unknown/unknown")
	described := add(t, forPlatform(t, "linux/s390x"), "linux/s390x")
	described.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	list = mutate.AppendManifests(list, attestation, described)
	flat := pushIndex(t, reg, "flat:v1", list)
	deep := pushIndex(t, reg, "deep:v1", mutate.AppendManifests(empty.Index, add(t, nested, "")))
	docker := pushIndex(t, reg, "docker:v1", mutate.IndexMediaType(list, types.DockerManifestList))
	alone := push(t, reg, "alone:v1", forPlatform(t, "linux/arm64"))
	silent := pushIndex(t, reg, "silent:v1", mutate.AppendManifests(empty.Index, add(t, forPlatform(t, "linux/amd64"), "")))

	for _, tc := range []struct {
		ref, want, got string
		words          string // of the error, if there is one
	}{
		{ref: flat, want: "linux/amd64", got: "linux/amd64"},
		{ref: flat, want: "linux/amd64/v3", got: "linux/amd64/v3"},
		{ref: flat, want: "linux/arm64", got: "linux/arm64/v8"},
		{ref: flat, want: "linux/arm", got: "linux/arm/v7"},
		{ref: flat, want: "linux/arm/v6", got: "linux/arm/v6"},
		{ref: flat, want: "linux/x86_64", got: "linux/amd64"},
		{ref: docker, want: "linux/arm64", got: "linux/arm64/v8"},
		{ref: deep, want: "linux/arm64", got: "linux/arm64/v8"},
		{ref: alone, want: "linux/arm64/v8", got: "linux/arm64"},
		{ref: silent, want: "linux/amd64", got: "linux/amd64"},
		{ref: flat, want: "linux/s390x", words: "there is linux/amd64, linux/amd64/v3, linux/arm/v6, linux/arm/v7, linux/arm64, windows/amd64"},
		{ref: flat, want: "linux/arm/v5", words: "linux/arm/v6"},
		{ref: deep, want: "linux/ppc64le", words: "linux/amd64"},
		{ref: alone, want: "linux/amd64", words: "wanted linux/amd64, there is linux/arm64"},
		{ref: silent, want: "linux/arm64", words: "there is linux/amd64"},
	} {
		t.Run(tc.ref+" "+tc.want, func(t *testing.T) {
			o := options(t)
			o.Platform = tc.want
			if tc.words != "" {
				wantPullError(t, tc.ref, o, detonaut.ErrPlatform, tc.words)
				return
			}
			got := mustPull(t, tc.ref, o)
			if got.Platform != tc.got || readAll(t, got, "for") != tc.got+"\n" {
				t.Errorf("platform = %s, want %s", got.Platform, tc.got)
			}
		})
	}
	for _, bad := range []string{"amd64", "linux", "linux/", "linux/amd64,osver=1", "a b/c", "/"} {
		o := options(t)
		o.Platform = bad
		wantPullError(t, flat, o, detonaut.ErrUsage, "os/architecture")
	}
}

// edited is the sample with its config and manifest changed; both are pushed as
// they come out.
func edited(t *testing.T, r *imagetest.Registry, editConfig, editManifest func(map[string]any)) string {
	t.Helper()
	img := imagetest.Image(t, sample)
	push(t, r, "app:original", img)
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	config = edit(t, config, editConfig)
	h, err := r.PutBlob(config)
	if err != nil {
		t.Fatal(err)
	}
	raw = edit(t, raw, func(m map[string]any) {
		c := m["config"].(map[string]any)
		c["digest"], c["size"] = h.String(), len(config)
		if editManifest != nil {
			editManifest(m)
		}
	})
	ref, err := r.PutManifest("app:edited", types.OCIManifestSchema1, raw)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func edit(t *testing.T, raw []byte, how func(map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if how != nil {
		how(m)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// inConfig sets a field of the config's config.
func inConfig(field string, v any) func(map[string]any) {
	return func(c map[string]any) { c["config"].(map[string]any)[field] = v }
}

// inLayer sets a field of the second layer's descriptor.
func inLayer(field string, v any) func(map[string]any) {
	return func(m map[string]any) { m["layers"].([]any)[1].(map[string]any)[field] = v }
}

// longDigest is of an algorithm that the specification allows beside sha256.
var longDigest = "sha512:" + strings.Repeat("0", 128)

func TestBadImages(t *testing.T) {
	long := strings.Repeat("x", maxString+1)
	many := make([]string, maxStrings+1)
	layers := make([]any, maxLayers+1)
	for i := range layers {
		layers[i] = map[string]any{"mediaType": types.OCILayer, "size": 10, "digest": someDigest}
	}
	for _, tc := range []struct {
		name             string
		config, manifest func(map[string]any)
		want             error
		words            string
	}{
		{name: "env with zero", config: inConfig("Env", []string{"A=\x00"}), want: detonaut.ErrCorrupt, words: "Env: has a zero byte"},
		{name: "long argument", config: inConfig("Cmd", []string{long}), want: detonaut.ErrLimit, words: "Cmd:"},
		{name: "many arguments", config: inConfig("Entrypoint", many), want: detonaut.ErrLimit, words: "Entrypoint:"},
		{name: "long user", config: inConfig("User", long), want: detonaut.ErrLimit, words: "User:"},
		{name: "field of another type", config: inConfig("Env", 7), want: detonaut.ErrCorrupt, words: "Env"},
		{name: "no architecture", config: func(c map[string]any) { delete(c, "architecture") }, want: detonaut.ErrCorrupt, words: "architecture"},
		{name: "hostile os", config: func(c map[string]any) { c["os"] = "linux\x1b[2J" }, want: detonaut.ErrCorrupt, words: `os, architecture`},
		{name: "windows", config: func(c map[string]any) { c["os"] = "windows" }, want: detonaut.ErrPlatform, words: "there is windows/amd64"},
		{name: "other machine", config: func(c map[string]any) { c["architecture"] = "mips" }, want: detonaut.ErrPlatform, words: "there is linux/mips"},
		{name: "diff_ids missing", config: func(c map[string]any) { delete(c, "rootfs") }, want: detonaut.ErrCorrupt, words: "rootfs.diff_ids: 0 of them for 3 layers"},
		{name: "diff_id wrong", config: func(c map[string]any) {
			c["rootfs"].(map[string]any)["diff_ids"].([]any)[1] = someDigest
		}, want: detonaut.ErrCorrupt, words: "sha256:"},
		{name: "diff_id of another algorithm", config: func(c map[string]any) {
			c["rootfs"].(map[string]any)["diff_ids"].([]any)[1] = longDigest
		}, want: detonaut.ErrUnsupported, words: `rootfs.diff_ids: layer 2 has a digest by "sha512"`},
		{name: "layer of another algorithm", manifest: inLayer("digest", longDigest), want: detonaut.ErrUnsupported, words: `layer 2 has a digest by "sha512"`},
		{name: "config of another algorithm", manifest: func(m map[string]any) {
			m["config"].(map[string]any)["digest"] = longDigest
		}, want: detonaut.ErrUnsupported, words: `config has a digest by "sha512"`},
		{name: "diff_id malformed", config: func(c map[string]any) {
			c["rootfs"].(map[string]any)["diff_ids"].([]any)[1] = "sha256:12"
		}, want: detonaut.ErrCorrupt, words: "config sha256:"},

		{name: "helm chart", manifest: func(m map[string]any) {
			m["config"].(map[string]any)["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
		}, want: detonaut.ErrUnsupported, words: `config has media type "application/vnd.cncf.helm.config.v1+json"`},
		{
			name: "encrypted", manifest: inLayer("mediaType", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
			want: detonaut.ErrUnsupported, words: `encrypted layer 2 has media type`,
		},
		{name: "foreign", manifest: inLayer("mediaType", types.DockerForeignLayer), want: detonaut.ErrUnsupported, words: string(types.DockerForeignLayer)},
		{name: "empty layer", manifest: inLayer("size", 0), want: detonaut.ErrCorrupt, words: "layer 2: size 0"},
		{name: "negative layer", manifest: inLayer("size", -5), want: detonaut.ErrCorrupt, words: "layer 2: size -5"},
		{name: "huge layer", manifest: inLayer("size", int64(1)<<60), want: detonaut.ErrLimit, words: "layer 2"},
		{name: "layer of another size", manifest: inLayer("size", 20), want: detonaut.ErrCorrupt, words: "sha256:"},
		{name: "layer that is not there", manifest: inLayer("digest", someDigest), want: detonaut.ErrNotFound, words: someDigest},
		{name: "no layers", manifest: func(m map[string]any) { m["layers"] = []any{} }, want: detonaut.ErrCorrupt, words: "layers"},
		{name: "many layers", manifest: func(m map[string]any) { m["layers"] = layers }, want: detonaut.ErrLimit, words: "more than 1000 layers"},
		{name: "config too large", manifest: func(m map[string]any) {
			m["config"].(map[string]any)["size"] = maxConfig + 1
		}, want: detonaut.ErrLimit, words: "config: more than"},
		{name: "config of another size", manifest: func(m map[string]any) {
			m["config"].(map[string]any)["size"] = 10
		}, want: detonaut.ErrLimit, words: "config"},
		{name: "manifest and index", manifest: func(m map[string]any) { m["manifests"] = []any{} }, want: detonaut.ErrCorrupt, words: "both a manifest and an index"},
		{
			name: "announced as another", manifest: func(m map[string]any) { m["mediaType"] = types.DockerManifestSchema2 },
			want: detonaut.ErrCorrupt, words: "media type",
		},
		{name: "schema 1", manifest: func(m map[string]any) { m["schemaVersion"] = 1 }, want: detonaut.ErrUnsupported, words: "manifest.v1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wantPullError(t, edited(t, testRegistry(t), tc.config, tc.manifest), options(t), tc.want, tc.words)
		})
	}
}

// TestOldConfigType: images whose config has the media type that old registries
// gave it are read, as Docker does.
func TestOldConfigType(t *testing.T) {
	for _, kind := range []string{"application/octet-stream", ""} {
		ref := edited(t, testRegistry(t), nil, func(m map[string]any) { m["config"].(map[string]any)["mediaType"] = kind })
		checkSample(t, mustPull(t, ref, options(t)))
	}
}

// TestCreated: a build time that JSON cannot say does not stop a scan.
func TestCreated(t *testing.T) {
	for claimed, want := range map[string]string{
		"2024-02-03T04:05:06+01:00": "2024-02-03T03:05:06Z",
		"9999-12-31T23:59:59-12:00": "0001-01-01T00:00:00Z",
		"0000-01-01T00:00:00+12:00": "0001-01-01T00:00:00Z",
	} {
		ref := edited(t, testRegistry(t), func(c map[string]any) { c["created"] = claimed }, nil)
		if got := mustPull(t, ref, options(t)).Created.Format(time.RFC3339); got != want {
			t.Errorf("created %s becomes %s, want %s", claimed, got, want)
		}
	}
}

// TestHistory: steps are told to the layers they made, or not at all.
func TestHistory(t *testing.T) {
	step := func(by string, empty bool) map[string]any {
		return map[string]any{"created_by": by, "empty_layer": empty}
	}
	for _, tc := range []struct {
		name    string
		history []any
		want    string
	}{
		{"fits", []any{step("a", false), step("env", true), step("b", false), step("c", false)}, "a b c"},
		{"too short", []any{step("a", false)}, "  "},
		{"too long", []any{step("a", false), step("b", false), step("c", false), step("d", false)}, "  "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ref := edited(t, testRegistry(t), func(c map[string]any) { c["history"] = tc.history }, nil)
			var got []string
			for _, l := range mustPull(t, ref, options(t)).Layers {
				got = append(got, l.CreatedBy)
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("created by %q, want %q", s, tc.want)
			}
		})
	}
}

func TestBadManifests(t *testing.T) {
	entry := func(digest string) string {
		return fmt.Sprintf(`{"mediaType":%q,"size":100,"digest":%q,"platform":{"os":"linux","architecture":"amd64"}}`, types.OCIManifestSchema1, digest)
	}
	index := func(entries ...string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, types.OCIImageIndex, strings.Join(entries, ","))
	}
	for _, tc := range []struct {
		name, body string
		kind       types.MediaType
		want       error
		words      string
	}{
		{"schema 1", `{"schemaVersion":1,"name":"x","fsLayers":[]}`, types.DockerManifestSchema1, detonaut.ErrUnsupported, "manifest.v1"},
		{"artifact", `{"schemaVersion":2}`, "application/vnd.oci.artifact.manifest.v1+json", detonaut.ErrUnsupported, "artifact"},
		{"unknown", `{}`, "application/vnd.example+json", detonaut.ErrUnsupported, "application/vnd.example+json"},
		{"no JSON", `hello`, types.OCIManifestSchema1, detonaut.ErrCorrupt, "manifest"},
		{"a list", `[]`, types.OCIManifestSchema1, detonaut.ErrCorrupt, "manifest"},
		{"empty object", `{}`, types.OCIManifestSchema1, detonaut.ErrCorrupt, "config of 0 bytes"},
		{"digest malformed", index(entry("sha256:xyz")), types.OCIImageIndex, detonaut.ErrCorrupt, "sha256"},
		{
			"layers twice", `{"schemaVersion":2,"config":{},"layers":[],"Layers":[]}`, types.OCIManifestSchema1,
			detonaut.ErrCorrupt, `key "Layers" is there twice`,
		},
		{"another algorithm", index(entry(longDigest)), types.OCIImageIndex, detonaut.ErrUnsupported, `manifest has a digest by "sha512"`},
		{"empty index", index(), types.OCIImageIndex, detonaut.ErrPlatform, "there is none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := testRegistry(t)
			reg.Inject("manifests", -1, imagetest.Answer(string(tc.kind), []byte(tc.body)))
			wantPullError(t, reg.Host()+"/app:v1", options(t), tc.want, tc.words)
		})
	}
}

// TestDeepIndex: indexes nest, but not without end.
func TestDeepIndex(t *testing.T) {
	reg := testRegistry(t)
	index := mutate.AppendManifests(empty.Index, add(t, forPlatform(t, "linux/amd64"), "linux/amd64"))
	for range maxIndexDepth {
		index = mutate.AppendManifests(empty.Index, add(t, index, ""))
	}
	wantPullError(t, pushIndex(t, reg, "deep:v1", index), options(t), detonaut.ErrLimit, "levels of indexes")

	var wide v1.ImageIndex = empty.Index
	for i := range maxIndexReads + 1 {
		wide = mutate.AppendManifests(wide, add(t, mutate.AppendManifests(empty.Index,
			add(t, forPlatform(t, fmt.Sprintf("linux/cpu%d", i)), fmt.Sprintf("linux/cpu%d", i))), ""))
	}
	wantPullError(t, pushIndex(t, reg, "wide:v1", wide), options(t), detonaut.ErrLimit, "manifests to find one platform")
}
