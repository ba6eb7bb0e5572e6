package rules

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// texts are the rules of a file system.
func texts(t *testing.T, fsys fs.FS, parts ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, part := range parts {
		err := fs.WalkDir(fsys, part, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
				return err
			}
			text, err := fs.ReadFile(fsys, name)
			all[name] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestPacked holds what is carried to the files.
func TestPacked(t *testing.T) {
	all, err := zip.NewReader(bytes.NewReader([]byte(packed)), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	carried, files := texts(t, all, Parts()...), texts(t, os.DirFS("."), Parts()...)
	for name := range files {
		if carried[name] != files[name] {
			t.Errorf("%s is not what is carried; run: go generate ./rules", name)
		}
	}
	for name := range carried {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is carried, and is gone; run: go generate ./rules", name)
		}
	}
	if diff := cmp.Diff(len(texts(t, Files(), ".")), len(texts(t, os.DirFS("files"), "."))); diff != "" {
		t.Error(diff)
	}
}
