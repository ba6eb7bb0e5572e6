package rulepack

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// ReadFolder reads a pack that is unpacked in a folder. Errors are those of [Read]; that it
// is no pack is [detonaut.ErrUsage].
func ReadFolder(dir string, trust Trust) (*Pack, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // it was only read
	manifest, err := readFile(root, manifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s: detonaut rules pack makes a pack of a folder of rules; --rules uses the folder as it is", detonaut.ErrUsage, manifestName)
	}
	if err != nil {
		return nil, err
	}
	signature, err := readFile(root, signatureName, maxKey)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	p, err := open(manifest, signature, trust)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Files {
		b, err := readFile(root, f.Path, MaxFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
		}
		if err := p.put(f, b); err != nil {
			return nil, err
		}
	}
	return p, p.only(root.FS())
}

// only refuses files that the manifest does not list.
func (p *Pack) only(folder fs.FS) error {
	return fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == manifestName || name == signatureName {
			return err
		}
		if !p.Tree.Has(name) {
			return fmt.Errorf("%w: there is %.200q, which pack.json does not list", detonaut.ErrCorrupt, name)
		}
		return nil
	})
}

// readFile reads a file within a folder. A link is followed within it only.
func readFile(root *os.Root, name string, most int64) ([]byte, error) {
	if info, err := root.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, fmt.Errorf("%w: %s is no file", detonaut.ErrCorrupt, name)
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%w: %s has more than %d bytes", detonaut.ErrLimit, name, most)
	}
	return b, err
}

// Making says what pack is made.
type Making struct {
	Name    string
	Version Version
	Created time.Time
	// Key signs it; nil signs nothing.
	Key ed25519.PrivateKey
}

// Make makes a pack of a folder of rules, as detonaut --rules takes it: what is in none of
// the folders of [Kinds] goes below behavior. Names that begin with a dot are left out. A
// file that has no place in a pack is an error; so nothing is left out that was meant.
func Make(dir string, m Making) (*Pack, error) {
	if err := CheckName(m.Name); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", detonaut.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // it was only read
	tree, err := gather(root, m.Created)
	if err != nil {
		return nil, err
	}
	if len(tree.files) == 0 {
		return nil, fmt.Errorf("%w: there are no rules", detonaut.ErrUsage)
	}
	return seal(m, tree)
}

// gather reads the files of a folder of rules.
func gather(root *os.Root, created time.Time) (*Tree, error) {
	tree, total := newTree(created), int64(0)
	err := fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || path == manifestName || path == signatureName:
			return nil
		}
		b, err := readFile(root, path, MaxFile)
		if err != nil {
			return err
		}
		to := placeOf(path)
		if err := checkPath(to); err != nil {
			return fmt.Errorf("%w: %w", detonaut.ErrUsage, err)
		}
		if total += int64(len(b)); total > MaxTotal {
			return fmt.Errorf("%w: the files have more than %d bytes", detonaut.ErrLimit, MaxTotal)
		}
		if tree.Has(to) {
			return fmt.Errorf("%w: there are two files for %s", detonaut.ErrUsage, to)
		}
		tree.add(to, b)
		return nil
	})
	return tree, err
}

// placeOf is where a file of a folder of rules is in a pack.
func placeOf(path string) string {
	top, _, below := strings.Cut(path, "/")
	if below && slices.Contains(Kinds(), top) || !below && slices.Contains(besides, path) {
		return path
	}
	return "behavior/" + path
}
