// Package rulepack makes, gets and keeps packs of rules: folders of rules in one file,
// with a name, a version, and a signature over the hash of each.
//
// A pack is a tar.gz with, in this order,
//
//	pack.json      what it is, and its files with their sizes and SHA-256
//	pack.sig       64 bytes: the Ed25519 signature of pack.json; not in an unsigned one
//	...            the files, in the order of pack.json, and no others
//
// or a folder of the same files. docs/rule-packs.md tells the format, and how a pack is
// made with other tools. Archives and folders are hostile until their signature is
// verified, which is before anything behind it is unpacked, and bounded after that, too.
// What is read of one is kept in memory only: no name in it becomes a path on the disk.
package rulepack

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// Bounds of a pack.
const (
	MaxArchive  = 16 << 20 // bytes, compressed
	MaxFile     = 1 << 20  // bytes of one file
	MaxTotal    = 64 << 20 // bytes of all files
	MaxFiles    = 8192
	maxManifest = 4 << 20 // bytes of pack.json
	maxPath     = 200     // bytes
	maxDepth    = 6       // names in a path
)

// Names of what a pack has beside its files.
const (
	manifestName  = "pack.json"
	signatureName = "pack.sig"
)

// Format is what pack.json says of itself.
const Format = "detonaut-rules/1"

// Kinds are the folders of a pack.
func Kinds() []string { return []string{"behavior", "files", "packages", "tools"} }

// besides are files that are no rules.
var besides = []string{"CHANGELOG.md", "LICENSE", "NOTICE", "README.md"}

// Manifest is a pack.json.
type Manifest struct {
	Format  string    `json:"format"`
	Name    string    `json:"name"`
	Version Version   `json:"version"`
	Created time.Time `json:"created"`
	// Files are sorted by their paths.
	Files []File `json:"files"`
}

// File is one file of a pack.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Pack is a pack that was read whole, and held to its manifest.
type Pack struct {
	Manifest
	// Digest is that of pack.json, which has those of all files.
	Digest detonaut.Digest
	// Key is the id of the key that signed it; empty if nobody did.
	Key string
	// Files are its files, without pack.json and pack.sig.
	Tree *Tree

	manifest, signature []byte
}

var (
	nameRE   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	digestRE = regexp.MustCompile(`^[0-9a-f]{64}$`)
	partRE   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
)

// CheckName refuses what is no name of a pack. The error is [detonaut.ErrUsage].
func CheckName(name string) error {
	if !nameRE.MatchString(name) {
		return fmt.Errorf("%w: %.80q is no name of a pack: it has a-z, 0-9 and -, at most 64", detonaut.ErrUsage, name)
	}
	return nil
}

// checkPath refuses what is no path of a file of a pack.
func checkPath(path string) error {
	parts := strings.Split(path, "/")
	ok := len(path) <= maxPath && len(parts) <= maxDepth
	for _, p := range parts {
		ok = ok && partRE.MatchString(p)
	}
	switch {
	case !ok:
		return fmt.Errorf("%.*q is no path of a pack: names have letters, digits, . _ and -, and no . in front", maxPath, path)
	case len(parts) == 1 && slices.Contains(besides, path):
		return nil
	case len(parts) == 1 || !slices.Contains(Kinds(), parts[0]) || !strings.HasSuffix(path, ".yaml"):
		return fmt.Errorf("%s has no place in a pack: it holds .yaml files below %s, and %s",
			path, strings.Join(Kinds(), ", "), strings.Join(besides, ", "))
	}
	return nil
}

// parseManifest reads a pack.json. Errors are [detonaut.ErrCorrupt],
// [detonaut.ErrUnsupported] and [detonaut.ErrLimit].
func parseManifest(b []byte) (m Manifest, err error) {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return m, fmt.Errorf("%w: pack.json: %w", detonaut.ErrCorrupt, err)
	}
	if head.Format != Format {
		return m, fmt.Errorf("%w: the pack has the format %.40q, and this version of detonaut reads %s", detonaut.ErrUnsupported, head.Format, Format)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: pack.json: %w", detonaut.ErrCorrupt, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%w: pack.json: there is something behind it", detonaut.ErrCorrupt)
	}
	return m, m.check()
}

// check refuses what makes no sense.
func (m *Manifest) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: pack.json: %w", detonaut.ErrCorrupt, fmt.Errorf(format, args...))
	}
	switch {
	case !nameRE.MatchString(m.Name):
		return bad("%.80q is no name of a pack", m.Name)
	case !m.Version.valid():
		return bad("%.80q is no version", string(m.Version))
	case m.Created.IsZero():
		return bad("it does not say when it was made")
	case len(m.Files) == 0:
		return bad("it lists no files")
	case len(m.Files) > MaxFiles:
		return fmt.Errorf("%w: the pack has %d files, at most %d", detonaut.ErrLimit, len(m.Files), MaxFiles)
	}
	total, seen := int64(0), make(map[string]bool, len(m.Files))
	for i, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return bad("%w", err)
		}
		same := strings.ToLower(f.Path) // as some file systems have it
		switch {
		case seen[same]:
			return bad("%s is listed twice", f.Path)
		case i > 0 && f.Path < m.Files[i-1].Path:
			return bad("its files are not sorted")
		case !digestRE.MatchString(f.SHA256):
			return bad("%s has no SHA-256", f.Path)
		case f.Size < 0:
			return bad("%s has no size", f.Path)
		case f.Size > MaxFile:
			return fmt.Errorf("%w: %s has %d bytes, at most %d", detonaut.ErrLimit, f.Path, f.Size, MaxFile)
		}
		seen[same] = true
		if total += f.Size; total > MaxTotal {
			return fmt.Errorf("%w: the files of the pack have more than %d bytes", detonaut.ErrLimit, MaxTotal)
		}
	}
	return nil
}

// put takes a file that the manifest lists, if it is what it says.
func (p *Pack) put(f File, b []byte) error {
	if int64(len(b)) != f.Size || fmt.Sprintf("%x", sha256.Sum256(b)) != f.SHA256 {
		return fmt.Errorf("%w: %s is not what pack.json says it is", detonaut.ErrCorrupt, f.Path)
	}
	p.Tree.add(f.Path, b)
	return nil
}

// open begins a pack: its manifest and signature are taken, if trust does not refuse them.
func open(manifest, signature []byte, trust Trust) (*Pack, error) {
	m, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	p := &Pack{Manifest: m, manifest: manifest, signature: signature, Tree: newTree(m.Created)}
	p.Digest = detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(manifest)))
	if p.Key, err = trust.verify(manifest, signature); err != nil {
		return nil, fmt.Errorf("pack %s %s: %w", m.Name, m.Version, err)
	}
	return p, nil
}

// seal makes the manifest of a tree, and signs it.
func seal(m Making, tree *Tree) (*Pack, error) {
	p := &Pack{Manifest: Manifest{Format: Format, Name: m.Name, Version: m.Version, Created: m.Created.UTC().Truncate(time.Second)}, Tree: tree}
	for _, path := range tree.Names() {
		b := tree.files[path]
		p.Files = append(p.Files, File{path, int64(len(b)), fmt.Sprintf("%x", sha256.Sum256(b))})
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(p.Manifest, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode pack.json: %w", err)
	}
	p.manifest = append(b, '\n')
	p.Digest = detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(p.manifest)))
	if m.Key != nil {
		p.signature = ed25519.Sign(m.Key, p.manifest)
		p.Key = keyID(m.Key.Public().(ed25519.PublicKey))
	}
	return p, nil
}
