package docs

import (
	"io/fs"
	"os"
	"path"
	"testing"
)

// TestPacked holds what is carried to the files.
func TestPacked(t *testing.T) {
	carried, files := texts(t, Files()), texts(t, os.DirFS("."))
	for name := range files {
		if carried[name] != files[name] {
			t.Errorf("%s is not what is carried; run: go generate ./docs", name)
		}
	}
	for name := range carried {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is carried, and is gone; run: go generate ./docs", name)
		}
	}
}

func texts(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
