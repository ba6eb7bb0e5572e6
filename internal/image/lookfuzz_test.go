package image

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// answers is a source that answers everything with the same bytes.
type answers []byte

func (a answers) hash() v1.Hash {
	h, _, err := v1.SHA256(bytes.NewReader(a))
	if err != nil {
		panic(err)
	}
	return h
}

func (a answers) head(context.Context) (v1.Descriptor, error) {
	return v1.Descriptor{Digest: a.hash()}, nil
}

func (a answers) manifest(context.Context, v1.Descriptor) ([]byte, error) { return a, nil }

func (a answers) blob(context.Context, v1.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(a)), nil
}

func (a answers) Close() error { return nil }

// FuzzLook looks at any bytes in the place of a manifest or an index.
func FuzzLook(f *testing.F) {
	f.Add(manifestOf(string(types.OCIConfigJSON), "", string(types.OCILayer)))
	f.Add(manifestOf("application/vnd.cncf.helm.config.v1+json", "text/spdx"))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:` +
		strings.Repeat("a", 64) + `","platform":{"os":"linux","architecture":"arm","variant":"v7"},"artifactType":"x"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		seen, err := (&looker{src: answers(raw), caps: DefaultCaps()}).look(t.Context())
		if err != nil && (seen != nil || !isLasting(err)) {
			t.Errorf("%+v, %v", seen, err)
		}
		for _, s := range seen {
			if s.Content == "" || len(s.Type) > maxMessage+3 || strings.ContainsAny(s.Type+s.Platform, "\n\x1b") || s.Platform != "" && !platformRE.MatchString(s.Platform) {
				t.Errorf("%+v", s)
			}
			if s.Err == nil && s.Content == ContentImage && s.Read && (s.Size <= 0 || s.Digest == "") {
				t.Errorf("an image of nothing: %+v", s)
			}
		}
		_ = BestPlatform(string(raw), []string{"linux/amd64", string(raw)})
	})
}
