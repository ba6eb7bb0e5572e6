// Package dataset writes what came of a survey as an open data set: tables of Parquet, with a
// data dictionary, a manifest and checksums. Equal surveys make equal bytes.
//
// It is the door of parquet-go. docs/study.md tells what is in the tables, and what is not: no
// secret, no file, and nothing that somebody wrote but names.
package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Schema is the version of the tables. It grows by one when a column goes or changes its
// meaning; new columns and tables do not change it.
const Schema = 1

// batch is how many results are read at once.
const batch = 1000

// About says what made the data.
type About struct {
	// Tool is the version of detonaut.
	Tool string
	// License and Source are what the data set says of itself; empty says nothing.
	License, Source string
}

// Manifest is what manifest.json has.
type Manifest struct {
	Schema  int               `json:"schema"`
	Survey  string            `json:"survey"`
	Sources []string          `json:"sources"`
	Choice  store.Choice      `json:"choice"`
	Options store.RunOptions  `json:"options,omitzero"`
	Aim     string            `json:"aim"`
	State   store.SurveyState `json:"state"`
	Created time.Time         `json:"created,omitzero"`
	Ended   time.Time         `json:"ended,omitzero"`
	Tool    string            `json:"tool"`
	License string            `json:"license,omitempty"`
	Source  string            `json:"source,omitempty"`
	Tables  []Written         `json:"tables"`
}

// Written is a table that was written.
type Written struct {
	Name        string `json:"name"`
	File        string `json:"file"`
	Description string `json:"description"`
	Rows        int64  `json:"rows"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
}

// ErrNotEmpty is when there is something in the folder already.
var ErrNotEmpty = errors.New("the folder is not empty")

// Write writes the tables of a survey into dir, which it makes if it is not there:
// TABLE.parquet, README.md, manifest.json and SHA256SUMS. [ErrNotEmpty] if something is in it. If it
// fails, what was written so far is left there without a manifest.
func Write(ctx context.Context, dir string, s store.Surveys, name string, about About) error {
	if err := write(ctx, dir, s, name, about); err != nil {
		return fmt.Errorf("write data set: %w", err)
	}
	return nil
}

func write(ctx context.Context, dir string, s store.Surveys, name string, about About) (err error) {
	survey, err := s.Survey(ctx, name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%w: %s", ErrNotEmpty, dir)
	}
	all, err := openAll(dir, about.Tool)
	defer func() { err = errors.Join(err, abandon(all)) }()
	if err != nil {
		return err
	}
	if err := fill(ctx, s, name, all); err != nil {
		return err
	}
	m := manifestOf(survey, about)
	for _, t := range all {
		w, err := t.finish()
		if err != nil {
			return err
		}
		m.Tables = append(m.Tables, w)
	}
	return describe(dir, m)
}

// fill reads all results into the tables.
func fill(ctx context.Context, s store.Surveys, name string, all []*opened) error {
	var after store.Place
	for {
		found, err := s.Results(ctx, name, after, batch)
		if err != nil {
			return fmt.Errorf("read results: %w", err)
		}
		if len(found) == 0 {
			return nil
		}
		for _, t := range all {
			if err := t.add(found); err != nil {
				return fmt.Errorf("write table %s: %w", t.name, err)
			}
		}
		last := &found[len(found)-1]
		after = store.Place{Candidate: last.Candidate.Number}
		if last.Item != nil {
			after.Item = last.Item.Number
		}
	}
}

func manifestOf(s *store.Survey, about About) Manifest {
	return Manifest{
		Schema: Schema, Survey: s.Name, Sources: s.Sources, Choice: s.Choice, Options: s.Options, Aim: s.Aim, State: s.State,
		Created: s.Created.UTC(), Ended: s.Ended.UTC(), Tool: about.Tool, License: about.License, Source: about.Source,
	}
}

// opened is a table that is being written.
type opened struct {
	definition
	file  *os.File
	sum   hash.Hash
	bytes int64
	sheet sheet
}

// Write hands what the table is made of to its file, and sums it up.
func (o *opened) Write(b []byte) (int, error) {
	n, err := o.file.Write(b)
	_, _ = o.sum.Write(b[:n]) // a hash never fails
	o.bytes += int64(n)
	return n, err
}

func (o *opened) add(all []store.Result) error { return o.sheet.add(all) }

func openAll(dir, tool string) (all []*opened, err error) {
	codec := newCodec()
	for _, d := range tables() {
		f, err := os.OpenFile(filepath.Join(dir, d.file()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return all, err
		}
		o := &opened{definition: d, file: f, sum: sha256.New()}
		o.sheet = d.open(o, tool, codec)
		all = append(all, o)
	}
	return all, nil
}

// finish ends a table: it is on the disk then.
func (o *opened) finish() (w Written, err error) {
	rows, err := o.sheet.close()
	if err == nil {
		err = o.file.Sync()
	}
	err = errors.Join(err, o.file.Close())
	o.file = nil
	if err != nil {
		return w, fmt.Errorf("write table %s: %w", o.name, err)
	}
	return Written{Name: o.name, File: o.definition.file(), Description: o.doc, Rows: rows, Bytes: o.bytes, SHA256: hex.EncodeToString(o.sum.Sum(nil))}, nil
}

// abandon closes what is not finished.
func abandon(all []*opened) (err error) {
	for _, o := range all {
		if o.file != nil {
			err = errors.Join(err, o.file.Close())
		}
	}
	return err
}

// describe writes what is told of the tables: the manifest is the last but for the checksums, so that what has
// one is whole.
func describe(dir string, m Manifest) error {
	var sums strings.Builder
	for _, t := range m.Tables {
		_, _ = fmt.Fprintf(&sums, "%s  %s\n", t.SHA256, t.File)
	}
	var manifest strings.Builder
	e := json.NewEncoder(&manifest)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return err
	}
	for _, f := range []struct{ name, text string }{{"README.md", readme(m)}, {"manifest.json", manifest.String()}} {
		sum := sha256.Sum256([]byte(f.text))
		_, _ = fmt.Fprintf(&sums, "%x  %s\n", sum, f.name)
		if err := create(dir, f.name, f.text); err != nil {
			return err
		}
	}
	return create(dir, "SHA256SUMS", sums.String())
}

func create(dir, name, text string) (err error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.WriteString(f, text); err != nil {
		return err
	}
	return f.Sync()
}
