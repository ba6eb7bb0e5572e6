package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/har"
)

// keptRun keeps one run in the folder of its image, as a [pipeline.Recorder].
// What it makes of the run has other names until all is there.
type keptRun struct {
	dir       string               // empty if only the record is kept
	tape      *detonate.TapeWriter // nil then
	ended     bool                 // the tape has its run.end
	exchanges bool                 // the tape has exchanges of HTTP
	mu        *sync.Mutex          // over the names in dir

	// These belong to the goroutine of the artifacts, until Close.
	capture          partialFile
	record           partialFile
	bodies, payloads wholes
}

// Record writes an event to the tape.
func (k *keptRun) Record(e *tape.Event) error {
	if k.tape == nil {
		return nil
	}
	k.ended = k.ended || e.Kind == tape.RunEnd
	k.exchanges = k.exchanges || e.Kind == tape.HTTPExchange
	return k.tape.Record(e)
}

// Artifacts takes what is no event.
func (k *keptRun) Artifacts() artifact.Sink { return keptArtifacts{k} }

// Close gives everything its name, if the run is whole. What an earlier run of
// the image left is removed when the tape takes the place of the earlier one.
func (k *keptRun) Close(whole bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	if k.tape != nil {
		errs = append(errs, k.tape.Close())
	}
	if k.ended {
		for _, name := range []string{captureFile, archiveFile, bodiesDir, payloadsDir} {
			errs = append(errs, os.RemoveAll(filepath.Join(k.dir, name)))
		}
	}
	errs = append(errs, k.capture.close(whole), k.record.close(whole), k.bodies.close(whole), k.payloads.close(whole))
	if whole && k.exchanges && errors.Join(errs...) == nil {
		errs = append(errs, writeWhole(filepath.Join(k.dir, archiveFile), k.archive))
	}
	return errors.Join(errs...)
}

// wholes are things that are kept under their hashes, in a directory that gets
// its name when all of them are there.
type wholes struct {
	path string // the name it gets
	dir  string // what it is called before; empty before the first thing
}

// put writes b. It is data, whatever it claims to be: nobody may execute it.
func (w *wholes) put(b []byte) (err error) {
	if w.path == "" {
		return nil
	}
	if w.dir == "" {
		if w.dir, err = os.MkdirTemp(filepath.Dir(w.path), filepath.Base(w.path)+".*.partial"); err != nil {
			return fmt.Errorf("keep %s: %w", filepath.Base(w.path), err)
		}
	}
	sum := sha256.Sum256(b)
	return os.WriteFile(filepath.Join(w.dir, hex.EncodeToString(sum[:])), b, 0o644)
}

func (w *wholes) close(whole bool) error {
	if w.dir == "" {
		return nil
	}
	defer os.RemoveAll(w.dir)
	if !whole {
		return nil
	}
	return errors.Join(os.Chmod(w.dir, 0o755), os.Rename(w.dir, w.path))
}

// archive makes an HTTP archive of the tape and the bodies.
func (k *keptRun) archive(w io.Writer) (err error) {
	t, err := detonate.OpenTape(filepath.Join(k.dir, tapeFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	archive := har.NewWriter(w, har.Options{Version: version.String(), Body: k.body})
	for {
		e, err := t.Next()
		if errors.Is(err, io.EOF) {
			return archive.Close()
		}
		if err != nil {
			return err
		}
		if err := archive.Record(e); err != nil {
			return err
		}
	}
}

// A name of a body comes from the tape, and becomes part of a path.
var bodyPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (k *keptRun) body(sum string) ([]byte, error) {
	if !bodyPattern.MatchString(sum) {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(k.dir, bodiesDir, sum))
}

// keptArtifacts is the sink of a run's artifacts.
type keptArtifacts struct{ run *keptRun }

// Wants is everything, or just the record.
func (a keptArtifacts) Wants() artifact.Kinds {
	if a.run.dir == "" {
		return artifact.Records
	}
	return artifact.Everything
}

// Capture appends to the capture.
func (a keptArtifacts) Capture(b []byte) error {
	if a.run.dir == "" {
		return nil
	}
	return a.run.capture.append(b)
}

// Record appends to the record of a live network.
func (a keptArtifacts) Record(b []byte) error {
	if a.run.record.path == "" {
		return nil
	}
	return a.run.record.append(b)
}

// Blob keeps a body.
func (a keptArtifacts) Blob(b []byte) error { return a.run.bodies.put(b) }

// Payload keeps what a file or memory held.
func (a keptArtifacts) Payload(b []byte) error { return a.run.payloads.put(b) }
