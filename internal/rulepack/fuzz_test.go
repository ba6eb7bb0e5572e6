package rulepack

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/detonaut/detonaut"
)

// FuzzRead reads archives, and tars that are not compressed yet. What it accepts is written and read as the same pack, and has
// no name that leads anywhere else.
func FuzzRead(f *testing.F) {
	f.Add(archived(f, makePack(f, "1.2.3", some, 1)))
	f.Add(archived(f, makePack(f, "1", map[string]string{"a.yaml": ""}, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			b = compressed(t, b)
		}
		p, err := Read(bytes.NewReader(b), Trust{Unsigned: true})
		if err != nil {
			if !errors.Is(err, detonaut.ErrCorrupt) && !errors.Is(err, detonaut.ErrLimit) && !errors.Is(err, detonaut.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
			return
		}
		hold(t, p)
		again, err := Read(bytes.NewReader(archived(t, p)), Trust{Unsigned: true})
		if err != nil || again.Digest != p.Digest {
			t.Errorf("read again: %v", err)
		}
	})
}

func compressed(t *testing.T, b []byte) []byte {
	t.Helper()
	var to bytes.Buffer
	z := gzip.NewWriter(&to)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// FuzzManifest reads pack.json, and packs of nothing else.
func FuzzManifest(f *testing.F) {
	f.Add(makePack(f, "1.2.3", some, 1).manifest)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			if !errors.Is(err, detonaut.ErrCorrupt) && !errors.Is(err, detonaut.ErrLimit) && !errors.Is(err, detonaut.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
			return
		}
		hold(t, &Pack{Manifest: m})
	})
}

// hold holds a pack to its bounds.
func hold(t *testing.T, p *Pack) {
	t.Helper()
	total := int64(0)
	for _, f := range p.Files {
		total += f.Size
		if err := checkPath(f.Path); err != nil || f.Size > MaxFile {
			t.Errorf("accepted %q of %d bytes", f.Path, f.Size)
		}
		if p.Tree == nil {
			continue
		}
		in, err := p.Tree.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, in); err != nil || n != f.Size {
			t.Errorf("%s has %d bytes, and %v", f.Path, n, err)
		}
	}
	if total > MaxTotal || len(p.Files) > MaxFiles || !nameRE.MatchString(p.Name) || !p.Version.valid() {
		t.Errorf("accepted %+v", p.Manifest)
	}
}
