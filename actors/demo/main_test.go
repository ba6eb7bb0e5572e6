package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

func TestCheck(t *testing.T) {
	actors := []cast.Actor{{Name: "miner", Word: detonaut.Unwanted}, {Name: "web", Word: detonaut.Clean}}
	for _, tt := range []struct{ name, reports, want string }{
		{"as it should be", `{"verdict":{"word":"unwanted"}}` + "\n" + `{"verdict":{"word":"clean"}}` + "\n", ""},
		{"missed", `{"verdict":{"word":"clean"}}` + "\n" + `{"verdict":{"word":"clean"}}` + "\n", "miner is judged clean, want unwanted"},
		{"one lost", `{"verdict":{"word":"unwanted"}}` + "\n", "1 reports of 2 images"},
		{"no report", "{\n{\n", "read report of miner"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check([]byte(tt.reports), actors)
			if got := err != nil; got != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// What a scan has kept is what a server shows, with the artifacts of the run.
func TestRemember(t *testing.T) {
	dir := t.TempDir()
	r := reporttest.Realistic(0)
	run := filepath.Join(dir, "runs", "sha256-0", "bodies")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"../report.json": text, "../tape.jsonl.zst": []byte("tape"), "a": []byte("body")} {
		if err := os.WriteFile(filepath.Join(run, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // again changes nothing
		database, err := remember(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(t.Context(), database, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Get(t.Context(), r.Image.Digest, "")
		if err != nil || len(e.Blobs) != 2 || e.Blobs["bodies/a"] == "" || e.Blobs["tape.jsonl.zst"] == "" {
			t.Errorf("it is remembered as %+v: %v", e, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
