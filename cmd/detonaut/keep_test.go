package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

const keptDigest detonaut.Digest = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

func TestKeeperRefusesPaths(t *testing.T) {
	k := &keeper{dir: t.TempDir()}
	for _, d := range []detonaut.Digest{"", "sha256:../../x", "sha256:abc", detonaut.Digest("md5:" + strings.Repeat("a", 64))} {
		if _, err := k.folder(d); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%q: got %v, want ErrCorrupt", d, err)
		}
	}
}

func TestNewKeeper(t *testing.T) {
	if k, err := newKeeper("", "", true); k != nil || err != nil {
		t.Errorf("got %v and %v, want none", k, err)
	}
	if _, err := newKeeper("", "record", true); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("a record of many: got %v, want ErrUsage", err)
	}
	if _, err := newKeeper("", filepath.Join(t.TempDir(), "none", "record"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record that cannot be written: got %v, want %v", err, fs.ErrNotExist)
	}
}

// Bodies of the exchange below, one of which is no text.
const (
	question = "loot"
	answer   = "\x7fELF\xff inert"
)

func sum(body string) string {
	s := sha256.Sum256([]byte(body))
	return hex.EncodeToString(s[:])
}

// keep keeps one run, which hands over what artifacts says.
func keep(t *testing.T, k *keeper, whole, traffic bool, artifacts func(artifact.Sink) error) {
	t.Helper()
	r, err := k.run(keptDigest)
	if err != nil {
		t.Fatal(err)
	}
	events := []*tape.Event{{Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Plan: plan.Plan{Digest: string(keptDigest)}}}}
	if traffic {
		events = append(events, &tape.Event{Kind: tape.HTTPExchange, HTTP: &tape.HTTP{
			Method: "POST", URL: "http://evil.example/", Version: "HTTP/1.1", Status: 200,
			Body:         &tape.Body{Size: int64(len(question)), SHA256: sum(question), Kept: true},
			ResponseBody: &tape.Body{Size: int64(len(answer)), SHA256: sum(answer), Kept: true},
		}})
	}
	if whole {
		events = append(events, &tape.Event{Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited}})
	}
	for i, e := range events {
		e.Seq = uint64(i) + 1
		if err := r.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	if artifacts != nil {
		if err := artifacts(r.Artifacts()); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(whole); err != nil {
		t.Fatal(err)
	}
}

func handOver(s artifact.Sink) error {
	return errors.Join(s.Capture([]byte("pcap")), s.Blob([]byte(question)), s.Capture([]byte("ng")), s.Record([]byte("rec")),
		s.Record([]byte("ord")), s.Blob([]byte(answer)), s.Blob([]byte(question)))
}

// files returns the files below dir, with their modes, and the contents of
// those that are short.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if len(text) > 20 {
			text = []byte("...")
		}
		found[filepath.ToSlash(name)] = fmt.Sprintf("%v %s", info.Mode(), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestKeepRun keeps a run with traffic, one that failed, and one without
// traffic, in the same place.
func TestKeepRun(t *testing.T) {
	dir := t.TempDir()
	k, err := newKeeper(filepath.Join(dir, "kept"), filepath.Join(dir, "record"), false)
	if err != nil {
		t.Fatal(err)
	}
	folder := "kept/sha256-" + strings.TrimPrefix(string(keptDigest), "sha256:")
	want := map[string]string{
		"record":                            "-rw-r--r-- record",
		folder + "/tape.jsonl.zst":          "-rw-r--r-- ...",
		folder + "/network.pcapng":          "-rw-r--r-- pcapng",
		folder + "/network.har":             "-rw-r--r-- ...",
		folder + "/bodies/" + sum(question): "-rw-r--r-- " + question,
		folder + "/bodies/" + sum(answer):   "-rw-r--r-- " + answer,
		folder + "/report.json":             "-rw-r--r-- ...",
		folder + "/tape.jsonl.zst.partial":  "-rw-r--r-- ...",
	}

	keep(t, k, true, true, handOver)
	if err := k.report(&detonaut.Report{Image: detonaut.Image{Digest: keptDigest}}); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(filepath.Join(dir, folder, archiveFile))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(archive) || !strings.Contains(string(archive), `"text":"loot"`) || !strings.Contains(string(archive), `"text":"f0VM`) {
		t.Errorf("the archive lacks a body: %s", archive)
	}

	keep(t, k, false, true, func(s artifact.Sink) error { return errors.Join(s.Blob([]byte("only late")), handOver(s)) })
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("after a run that failed (-want +got):\n%s", diff)
	}

	keep(t, k, true, false, nil)
	for _, name := range []string{captureFile, archiveFile, "bodies/" + sum(question), "bodies/" + sum(answer)} {
		delete(want, folder+"/"+name)
	}
	want["record"] = "-rw-r--r-- "
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("after a run without traffic (-want +got):\n%s", diff)
	}
}

// TestKeepRecord keeps nothing else.
func TestKeepRecord(t *testing.T) {
	dir := t.TempDir()
	k, err := newKeeper("", filepath.Join(dir, "record"), false)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, k, true, true, handOver)
	if err := k.report(&detonaut.Report{Image: detonaut.Image{Digest: keptDigest}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"record": "-rw-r--r-- record"}, files(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKeepTwice keeps runs of the same image at the same time.
func TestKeepTwice(t *testing.T) {
	k, err := newKeeper(t.TempDir(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	for range 4 {
		go func() {
			defer func() { done <- true }()
			r, err := k.run(keptDigest)
			if err == nil {
				err = errors.Join(r.Record(&tape.Event{Seq: 1, Kind: tape.RunEnd, End: &tape.End{}}), handOver(r.Artifacts()), r.Close(true))
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	for range 4 {
		<-done
	}
	if n := len(files(t, k.dir)); n != 4 { // the tape, the capture and two bodies
		t.Errorf("%d files are left, want 4: %v", n, files(t, k.dir))
	}
}
