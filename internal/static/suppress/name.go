package suppress

import (
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// imageName is all that an image may be called. The first three are empty where it is
// a file or a folder.
type imageName struct {
	registry, repository, tag string
	// digests are that of the image, and the one by which it was asked for: that of
	// an index of several platforms.
	digests []string
	// architecture is that of its platform.
	architecture string
	// all are its names, as patterns of an ignore file may say them.
	all []string
}

// The registry that is meant where none is named, what it is called otherwise, and
// where its own images lie.
const (
	hub     = "docker.io"
	library = "library/"
)

var hubs = []string{"index.docker.io", "registry-1.docker.io"}

func nameOf(img detonaut.Image) imageName {
	ref := string(img.Ref)
	n := parseName(ref)
	if img.Digest != "" && !slices.Contains(n.digests, string(img.Digest)) {
		n.digests = append(n.digests, string(img.Digest))
	}
	if _, rest, ok := strings.Cut(img.Platform, "/"); ok {
		n.architecture, _, _ = strings.Cut(rest, "/")
	}
	n.all = append([]string{ref}, n.digests...)
	if n.repository == "" {
		return n
	}
	for _, repository := range n.repositories() {
		n.all = append(n.all, repository)
		if n.tag != "" {
			n.all = append(n.all, repository+":"+n.tag)
		}
	}
	return n
}

// parseName takes a reference apart as Docker reads it.
func parseName(ref string) (n imageName) {
	switch from, rest, ok := strings.Cut(ref, ":"); from {
	case "oci-dir", "oci-archive", "docker-archive", "-", "":
		return n
	case "registry", "docker":
		if port, _, path := strings.Cut(rest, "/"); ok && (!path || strings.Trim(port, "0123456789") != "") {
			if ref = rest; from == "docker" && isID(ref) {
				return n
			}
		}
	}
	name, digest, pinned := strings.Cut(ref, "@")
	if pinned {
		n.digests = []string{digest}
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, n.tag = name[:i], name[i+1:]
	}
	if n.tag == "" && !pinned {
		n.tag = "latest"
	}
	if first, rest, ok := strings.Cut(name, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		n.registry, name = strings.ToLower(first), rest
	}
	if n.registry == "" || slices.Contains(hubs, n.registry) {
		n.registry = hub
	}
	if n.registry == hub && name != "" && !strings.Contains(name, "/") {
		name = library + name
	}
	n.repository = name
	return n
}

// repositories are the names of the repository, the registry in front or left out where
// it may be.
func (n *imageName) repositories() []string {
	if n.registry != hub {
		return []string{n.registry + "/" + n.repository}
	}
	names := []string{n.repository, hub + "/" + n.repository}
	for _, other := range hubs {
		names = append(names, other+"/"+n.repository)
	}
	if short, ok := strings.CutPrefix(n.repository, library); ok {
		names = append(names, short, hub+"/"+short)
	}
	return names
}

// imagePattern is the name of an image, in which * stands for any run of characters;
// empty for every image.
type imagePattern string

func (p imagePattern) fits(n imageName) bool {
	return p == "" || slices.ContainsFunc(n.all, func(name string) bool { return star(string(p), name) })
}

// star matches a text with a pattern in which * stands for any run of characters.
func star(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[last])
}

// isID tells whether a name is the id of an image of a daemon.
func isID(name string) bool {
	name = strings.TrimPrefix(name, "sha256:")
	return len(name) >= 12 && len(name) <= 64 && strings.Trim(name, "0123456789abcdef") == ""
}
