package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/anchore/packageurl-go"
	"github.com/google/uuid"

	"github.com/detonaut/detonaut"
)

// home is where this program comes from; it begins the names that must be unique.
const home = "https://github.com/detonaut/detonaut"

// reportID names one document about a report: the same for reports that can be
// compared, of the same document. It is a UUID of version 5 (RFC 9562).
func reportID(r *detonaut.Report, document string) (uuid.UUID, error) {
	fingerprint, err := json.Marshal(r.Fingerprint)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("encode fingerprint: %w", err)
	}
	subject := string(r.Image.Digest)
	if subject == "" { // a tape whose image nobody knows any more
		subject = string(r.Image.Ref)
	}
	name := strings.Join([]string{home, document, subject, string(fingerprint)}, "\n")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)), nil
}

// digestOf is a short stable name for what parts say together.
func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// packageIDs names every package of an inventory by what it is and where it was
// found, and not by its layer or its place in the list: it keeps its name when the
// image is built again. Of equal ones those after the first have a number.
func packageIDs(packages []detonaut.Package) []string {
	ids := make([]string, len(packages))
	seen := make(map[string]int, len(packages))
	for i := range packages {
		p := &packages[i]
		var at detonaut.Location
		if len(p.Locations) > 0 {
			at = p.Locations[0]
		}
		id := digestOf(p.Name, p.Version, p.Type, p.PURL, at.Path, at.Within)
		if seen[id]++; seen[id] > 1 {
			id = fmt.Sprintf("%s-%d", id, seen[id])
		}
		ids[i] = id
	}
	return ids
}

// holder finds the packages in which vulnerabilities are.
type holder struct {
	exact, near map[string]int
}

func newHolder(packages []detonaut.Package) *holder {
	h := &holder{exact: map[string]int{}, near: map[string]int{}}
	for i := range packages {
		p := &packages[i]
		for _, l := range p.Locations[:min(len(p.Locations), 1)] {
			h.exact[digestOf(p.Name, p.Version, p.Type, p.PURL, l.Path, string(l.Layer))] = i
		}
		near := digestOf(p.Name, p.Version, p.Type)
		if _, ok := h.near[near]; !ok {
			h.near[near] = i
		}
	}
	return h
}

// find returns the index of the package that holds v; false if none does.
func (h *holder) find(v *detonaut.Vulnerability) (int, bool) {
	if i, ok := h.exact[digestOf(v.Package, v.Version, v.Type, v.PURL, v.Path, string(v.Layer))]; ok {
		return i, true
	}
	i, ok := h.near[digestOf(v.Package, v.Version, v.Type)]
	return i, ok
}

// imageName is the name of an image, in parts. All but name may be empty.
type imageName struct {
	// repository is registry and path, as "docker.io/library/nginx".
	repository, tag string
	// name is the last part of the path.
	name string
}

// nameOf takes apart what a user typed: the name of an image in a registry as Docker
// reads it, or a file, whose base is the name.
func nameOf(ref detonaut.Ref) imageName {
	s := string(ref)
	for _, scheme := range []string{"oci-dir:", "oci-archive:", "docker-archive:"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			base := path.Base(rest)
			return imageName{name: named(strings.TrimSuffix(base, ".tar"))}
		}
	}
	if s == "-" {
		return imageName{name: "image"}
	}
	s = strings.TrimPrefix(s, "registry:")
	s, local := strings.CutPrefix(s, "docker:")
	s, _, _ = strings.Cut(s, "@")
	n := imageName{}
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		s, n.tag = s[:i], s[i+1:]
	}
	n.name = named(path.Base(s))
	if !local {
		n.repository = repository(s)
	}
	return n
}

// named is s, or a word for what has no name.
func named(s string) string {
	if s == "" || s == "." || s == "/" {
		return "image"
	}
	return s
}

// repository completes the name of a repository as Docker does.
func repository(s string) string {
	first, _, ok := strings.Cut(s, "/")
	switch {
	case !ok:
		return "docker.io/library/" + s
	case strings.ContainsAny(first, ".:") || first == "localhost":
		return s
	}
	return "docker.io/" + s
}

// imagePURL is the package URL of an image (type oci of the purl specification);
// empty if nobody knows its digest.
func imagePURL(img *detonaut.Image) string {
	if img.Digest == "" {
		return ""
	}
	n := nameOf(img.Ref)
	q := map[string]string{}
	if n.repository != "" {
		q["repository_url"] = strings.ToLower(n.repository)
	}
	if n.tag != "" {
		q["tag"] = n.tag
	}
	if _, arch, ok := strings.Cut(img.Platform, "/"); ok {
		q["arch"], _, _ = strings.Cut(arch, "/")
	}
	for k, v := range q {
		q[k] = Escape(v)
	}
	return packageurl.NewPackageURL(packageurl.TypeOCI, "", strings.ToLower(Escape(n.name)), Escape(string(img.Digest)),
		packageurl.QualifiersFromMap(q), "").ToString()
}

// hexOf is the hex of a digest of SHA-256; empty if it is none.
func hexOf(d detonaut.Digest) string {
	s, ok := strings.CutPrefix(string(d), "sha256:")
	if b, err := hex.DecodeString(s); !ok || err != nil || len(b) != sha256.Size {
		return ""
	}
	return s
}

// webURL tells whether s is a URL that a browser may be led to, as a database of
// vulnerabilities has them, with no character that a URI must not have (RFC 3986).
func webURL(s string) bool {
	const also = "-._~:/?#[]@!$&'()*+,;=%"
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && !strings.Contains(also, string(c)) {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxLink && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// maxLink bounds a URL, in bytes.
const maxLink = 2000

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// head is the first of s, at most n bytes, cut between characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
