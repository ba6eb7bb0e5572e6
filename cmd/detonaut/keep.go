package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/inventory"
)

// Names in the folder of one image below --keep.
const (
	tapeFile    = "tape.jsonl.zst"
	reportFile  = "report.json"
	captureFile = "network.pcapng"
	archiveFile = "network.har"
	bodiesDir   = "bodies"
	payloadsDir = "payloads"
)

// keeper keeps what came of images: below a directory, and the record of a
// live network in a file. Either may be empty. Runs that are kept at the same
// time share it.
type keeper struct {
	dir    string
	record string
	mu     sync.Mutex // held while a run takes the place of another
}

// newKeeper sees to it that something can be kept, before anything is run for
// nothing. It returns nil if nothing is to be kept.
func newKeeper(dir, record string, many bool) (*keeper, error) {
	if record != "" && many {
		return nil, fmt.Errorf("%w: a record is that of one image", detonaut.ErrUsage)
	}
	if dir == "" && record == "" {
		return nil, nil
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("keep results: %w", err)
		}
	}
	if record != "" {
		p := partialFile{path: record}
		if err := errors.Join(p.open(), p.close(false)); err != nil {
			return nil, fmt.Errorf("keep record: %w", err)
		}
	}
	return &keeper{dir: dir, record: record}, nil
}

// A digest comes from outside, and becomes part of a path.
var digestPattern = regexp.MustCompile(`^(sha256|sha512):([0-9a-f]{64,128})$`)

// folder makes the folder of an image.
func (k *keeper) folder(d detonaut.Digest) (string, error) {
	m := digestPattern.FindStringSubmatch(string(d))
	if m == nil {
		return "", fmt.Errorf("keep results: %w: digest %q", detonaut.ErrCorrupt, d)
	}
	dir := filepath.Join(k.dir, m[1]+"-"+m[2])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("keep results: %w", err)
	}
	return dir, nil
}

// run opens the files of a run of an image.
func (k *keeper) run(d detonaut.Digest) (pipeline.Recorder, error) {
	kept := &keptRun{mu: &k.mu}
	if k.dir != "" {
		dir, err := k.folder(d)
		if err != nil {
			return nil, err
		}
		if kept.tape, err = detonate.CreateTape(filepath.Join(dir, tapeFile)); err != nil {
			return nil, err
		}
		kept.dir = dir
		kept.capture.path = filepath.Join(dir, captureFile)
		kept.bodies.path, kept.payloads.path = filepath.Join(dir, bodiesDir), filepath.Join(dir, payloadsDir)
	}
	if k.record != "" {
		kept.record.path = k.record
		if err := kept.record.open(); err != nil {
			return nil, errors.Join(fmt.Errorf("keep record: %w", err), kept.Close(false))
		}
	}
	return kept, nil
}

// report writes the report of an image, whole or not at all.
func (k *keeper) report(r *detonaut.Report) error {
	if k.dir == "" {
		return nil
	}
	dir, err := k.folder(r.Image.Digest)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := report.New(report.JSON, &b, report.Options{})
	if err != nil {
		return err
	}
	if err := w.Write(r); err != nil {
		return err
	}
	err = writeWhole(filepath.Join(dir, reportFile), func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep report: %w", err)
	}
	return nil
}

// keepSymbols keeps the functions of the image's programs in Go, by which a stored inventory is
// matched anew, beside the report; nothing if there are none.
func keepSymbols(dir string, r *detonaut.Report) error {
	if r.Inventory == nil {
		return nil
	}
	symbols, err := inventory.Symbols(r.Inventory)
	if errors.Is(err, detonaut.ErrLimit) || err == nil && symbols == nil {
		return nil // without them more may be found, and that is said
	}
	if err == nil {
		err = writeWhole(filepath.Join(dir, inventory.SymbolsFile), func(w io.Writer) error {
			_, err := w.Write(symbols)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("keep symbols: %w", err)
	}
	return nil
}

// writeWhole writes a file, whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	p := partialFile{path: path}
	err := p.open()
	if err == nil {
		err = write(p.f)
	}
	return errors.Join(err, p.close(err == nil))
}

// partialFile is a file that gets its name when it is whole. Nothing is there
// before it is opened.
type partialFile struct {
	path string
	f    *os.File
}

// open makes the file, under another name.
func (p *partialFile) open() (err error) {
	p.f, err = os.CreateTemp(filepath.Dir(p.path), filepath.Base(p.path)+".*.partial")
	return err
}

// append writes b, and opens the file before its first bytes.
func (p *partialFile) append(b []byte) error {
	if p.f == nil {
		if err := p.open(); err != nil {
			return err
		}
	}
	_, err := p.f.Write(b)
	return err
}

// close gives the file its name if it is whole, and removes it otherwise.
func (p *partialFile) close(whole bool) error {
	if p.f == nil {
		return nil
	}
	defer os.Remove(p.f.Name()) // when it has another name, this finds nothing
	err := errors.Join(p.f.Chmod(0o644), p.f.Close())
	if err == nil && whole {
		err = os.Rename(p.f.Name(), p.path)
	}
	return err
}
