package static

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/content"
)

// Spool keeps contents until they are read, each once, in one temporary file
// that has no name: nothing is left of it, however this process ends. Whoever
// puts contents into it bounds them, and does so from one goroutine; they are
// read when all of them are there.
type Spool struct {
	f     *os.File // nil before the first content
	size  int64
	files map[string]File
}

// Put keeps a content. It does not keep b.
func (s *Spool) Put(b []byte) error {
	sum := sha256.Sum256(b)
	name := hex.EncodeToString(sum[:])
	if _, ok := s.files[name]; ok {
		return nil
	}
	if err := s.open(); err != nil {
		return fmt.Errorf("make spool: %w", err)
	}
	if _, err := s.f.WriteAt(b, s.size); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	part := io.NewSectionReader(s.f, s.size, int64(len(b)))
	s.files[name] = File{
		SHA256: name, Size: int64(len(b)), Type: content.Type(b),
		Open: func() (Content, error) { return section{part}, nil },
	}
	s.size += int64(len(b))
	return nil
}

// section is a part of the spool, which stays open.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

func (s *Spool) open() (err error) {
	if s.f != nil {
		return nil
	}
	if s.f, err = os.CreateTemp("", "detonaut-spool-*"); err != nil {
		return err
	}
	s.files = map[string]File{}
	// Where an open file cannot lose its name, Close takes it.
	_ = os.Remove(s.f.Name())
	return nil
}

// Files returns what was put, sorted by hash, without places. They can be
// opened until Close.
func (s *Spool) Files() []File {
	all := make([]File, 0, len(s.files))
	for _, f := range s.files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.SHA256, b.SHA256) })
	return all
}

// Close forgets everything.
func (s *Spool) Close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	if rerr := os.Remove(s.f.Name()); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	s.f, s.files, s.size = nil, nil, 0
	return err
}
