package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
)

// Files of the folder of one image below --keep.
const (
	tapeFile   = "tape.jsonl.zst"
	reportFile = "report.json"
)

// keeper keeps what came of one image below a directory.
type keeper struct{ dir string }

// A digest comes from outside, and becomes part of a path.
var digestPattern = regexp.MustCompile(`^(sha256|sha512):([0-9a-f]{64,128})$`)

// folder makes the folder of an image.
func (k keeper) folder(d detonaut.Digest) (string, error) {
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

// tape opens the tape file of an image.
func (k keeper) tape(d detonaut.Digest) (pipeline.Recorder, error) {
	dir, err := k.folder(d)
	if err != nil {
		return nil, err
	}
	w, err := detonate.CreateTape(filepath.Join(dir, tapeFile))
	if err != nil {
		return nil, err
	}
	return w, nil
}

// report writes the report of an image, whole or not at all.
func (k keeper) report(r *detonaut.Report) error {
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
	f, err := os.CreateTemp(dir, reportFile+".*.partial")
	if err != nil {
		return fmt.Errorf("keep report: %w", err)
	}
	defer os.Remove(f.Name()) // when it has another name, this finds nothing
	_, err = f.Write(b.Bytes())
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, reportFile))
	}
	if err != nil {
		return fmt.Errorf("keep report: %w", err)
	}
	return nil
}
