package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/static/malicious"
	"github.com/detonaut/detonaut/internal/verdict"
	"github.com/detonaut/detonaut/rules"
)

// measurement is one in progress.
type measurement struct {
	dir    string
	apt    *apt
	reader *all.Reader

	named  []tool
	quiet  []crowd
	absent []string // packages that could not be got
}

// tool is a package of a tool, and what was said of it.
type tool struct {
	pkg, name         string
	installed, copied opinion
}

// crowd is a number of packages in which nothing should be found.
type crowd struct {
	name            string
	packages, files int
	bytes           int64
	took            time.Duration
	words           map[detonaut.Word]int
	claims          []string
}

// opinion is what reading says of an image, if its run did nothing at all.
type opinion struct {
	word     detonaut.Word
	findings []detonaut.Finding
	files    int
	bytes    int64
	took     time.Duration
}

func newMeasurement(ctx context.Context, dir string) (*measurement, error) {
	a, err := newApt(ctx, dir)
	if err != nil {
		return nil, err
	}
	lists, err := malicious.Load(rules.Packages())
	if err != nil {
		return nil, err
	}
	return &measurement{dir: dir, apt: a, reader: &all.Reader{
		Analyzers: all.Analyzers(all.Ours()), Malware: all.Ours(), Malicious: []malicious.List{lists},
		NoDatabase: detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped, Reason: "they are not measured"},
	}}, nil
}

// tools reads each package of a tool. A line is a package, and the name of its tool, if
// that is another.
func (m *measurement) tools(ctx context.Context, lines []string) error {
	var names []string
	for _, line := range lines {
		pkg, _, _ := strings.Cut(line, " = ")
		names = append(names, pkg)
	}
	if err := m.fetch(ctx, names); err != nil {
		return err
	}
	for i, line := range lines {
		pkg, name, ok := strings.Cut(line, " = ")
		if !ok {
			name = pkg
		}
		progress("tools", i+1, len(lines), pkg)
		deb := m.apt.file(pkg)
		if deb == "" {
			continue
		}
		t := tool{pkg: pkg, name: name}
		var err error
		t.installed, err = m.read(ctx, func(dir string) error { return (&root{dir: dir}).install(ctx, deb) })
		if err == nil {
			t.copied, err = m.read(ctx, func(dir string) error { return copyTo(ctx, deb, dir) })
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", pkg, err)
		}
		m.named = append(m.named, t)
	}
	return nil
}

func (m *measurement) fetch(ctx context.Context, names []string) error {
	absent, err := m.apt.fetch(ctx, names)
	m.absent = append(m.absent, absent...)
	return err
}

// others reads packages, a hundred in an image.
func (m *measurement) others(ctx context.Context, name string, names []string) error {
	c := crowd{name: name, words: map[detonaut.Word]int{}}
	if err := m.fetch(ctx, names); err != nil {
		return err
	}
	for n, some := range slices.Collect(slices.Chunk(names, 100)) {
		progress(name, n*100+len(some), len(names), some[len(some)-1])
		o, err := m.read(ctx, func(dir string) error {
			r := &root{dir: dir}
			for _, pkg := range some {
				deb := m.apt.file(pkg)
				if deb == "" {
					continue
				}
				if err := r.install(ctx, deb); err != nil {
					return err
				}
				c.packages++
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.files, c.bytes, c.took = c.files+o.files, c.bytes+o.bytes, c.took+o.took
		for i := range o.findings {
			f := &o.findings[i]
			if !f.Weakness && f.Severity.Rank() >= detonaut.Low.Rank() {
				c.words[wordOf(f)]++
				c.claims = append(c.claims, claim(f))
			}
		}
	}
	m.quiet = append(m.quiet, c)
	return nil
}

// wordOf is the verdict about an image of which nothing but one finding is known.
func wordOf(f *detonaut.Finding) detonaut.Word {
	return decide([]detonaut.Finding{*f})
}

func decide(findings []detonaut.Finding) detonaut.Word {
	stages := []detonaut.Stage{{Name: detonaut.StageDetonate, State: detonaut.Complete}, {Name: detonaut.StageExplain, State: detonaut.Complete}}
	return verdict.Decide(detonaut.Image{}, findings, detonaut.Coverage{Full: true}, stages).Word
}

func claim(f *detonaut.Finding) string {
	e := f.Evidence[0]
	return fmt.Sprintf("%s | `%s` | %s, %s | `%s` |", wordOf(f), f.ID, f.Severity, f.Confidence, strings.ReplaceAll(e.Path, "|", "\\|"))
}

// read makes an image of what fill puts into a directory, and reads it.
func (m *measurement) read(ctx context.Context, fill func(dir string) error) (o opinion, err error) {
	tmp, err := os.MkdirTemp(m.dir, "image-*")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	dir, layout := filepath.Join(tmp, "root"), filepath.Join(tmp, "oci")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return o, err
	}
	if err := fill(dir); err != nil {
		return o, err
	}
	made, err := imagetest.FromDir(dir, v1.Config{Cmd: []string{"/bin/true"}}, v1.Platform{OS: "linux", Architecture: "amd64"})
	if err == nil {
		err = imagetest.WriteOCIDir(made, layout)
	}
	if err != nil {
		return o, fmt.Errorf("make image: %w", err)
	}
	img, err := image.Pull(ctx, detonaut.Ref("oci-dir:"+layout), image.Options{CacheDir: filepath.Join(tmp, "cache")})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	files, err := img.FS()
	if err != nil {
		return o, err
	}
	begun := time.Now()
	reading, err := m.reader.Read(ctx, all.Image{Image: img.Image, Index: img.Index, Files: files}, func(string) {})
	if err != nil {
		return o, err
	}
	for _, s := range reading.Stages {
		if s.State == detonaut.Partial || s.State == detonaut.Failed {
			fmt.Fprintf(os.Stderr, "%s is %s: %s\n", s.Name, s.State, s.Reason)
		}
	}
	o = opinion{word: decide(reading.Findings), findings: reading.Findings, took: time.Since(begun)}
	for f, err := range static.Files(img.Index, files) {
		if err != nil {
			return o, err
		}
		o.files, o.bytes = o.files+1, o.bytes+f.Size
	}
	return o, nil
}

func progress(what string, n, of int, now string) {
	fmt.Fprintf(os.Stderr, "%s: %d of %d: %s\n", what, n, of, now)
}
