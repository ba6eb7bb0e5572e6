package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
)

func isCanceled(err error) bool { return errors.Is(err, context.Canceled) }

// wantPullError pulls ref, and wants an error that is want and whose text names the
// ref and has all the words.
func wantPullError(t *testing.T, ref string, o Options, want error, words ...string) {
	t.Helper()
	img, err := Pull(t.Context(), detonaut.Ref(ref), o)
	if err == nil {
		t.Errorf("pull %s: no error, want %v", ref, want)
		if err := img.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	if !errors.Is(err, want) {
		t.Errorf("err = %v, want one that is %q", err, want)
	}
	for _, w := range append(words, cleanString(ref)) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("err = %v, want it to say %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("err = %q has control characters", err)
	}
	if len(err.Error()) > 2000 {
		t.Errorf("err has %d bytes", len(err.Error()))
	}
	wantEmptyCache(t, o.CacheDir)
}

// wantEmptyCache wants that a failed pull left nothing behind.
func wantEmptyCache(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(dir + "/" + cacheFormat)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, n := range names {
		if n.Name() != "evict.lock" && n.Type()&os.ModeSymlink == 0 {
			t.Errorf("left in the cache: %s", n.Name())
		}
	}
}

// archiveOf makes a tar of these files, in this order.
func archiveOf(tb testing.TB, files ...archived) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.body)), Typeflag: tar.TypeReg}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(f.body); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

type archived struct {
	name string
	body []byte
	link string
}

// writeOldSave writes img as "docker save" did before version 25: a directory
// for each layer, not compressed, and a layer that is there already as a link.
func writeOldSave(t *testing.T, img v1.Image, file string) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var files []archived
	var names []string
	for i, l := range layers {
		rc, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files,
			archived{name: fmt.Sprintf("other%d/layer.tar", i), body: body},
			archived{name: fmt.Sprintf("id%d/layer.tar", i), link: fmt.Sprintf("../other%d/layer.tar", i)})
		names = append(names, fmt.Sprintf("id%d/layer.tar", i))
	}
	list, err := json.Marshal([]map[string]any{{"Config": "c.json", "RepoTags": []string{"app:latest"}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, archived{name: "c.json", body: config}, archived{name: "./manifest.json", body: list})
	if err := os.WriteFile(file, archiveOf(t, files...), 0o600); err != nil {
		t.Fatal(err)
	}
}
