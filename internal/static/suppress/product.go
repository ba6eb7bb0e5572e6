package suppress

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/anchore/packageurl-go"
)

// target is something that a statement of VEX is about. One of its fields is set.
type target struct {
	// purl is a package, of any version if it has none.
	purl *packageurl.PackageURL
	cpe  *cpe
	// oci is an image by package URL, ref by name, digest by the digest of its
	// manifest.
	oci    *packageurl.PackageURL
	ref    *imageName
	digest string
}

// parseTarget reads an identifier: a package URL, a CPE, the name or digest of an image.
func parseTarget(id string) (target, bool) {
	switch {
	case strings.HasPrefix(id, "pkg:"):
		p, err := packageurl.FromString(id)
		if err != nil {
			return target{}, false
		}
		if p.Type == packageurl.TypeOCI || p.Type == packageurl.TypeDocker {
			return target{oci: &p}, true
		}
		return target{purl: &p}, true
	case strings.HasPrefix(id, "cpe:"):
		c, ok := parseCPE(id)
		return target{cpe: &c}, ok && c.definite()
	case isDigest(id):
		return target{digest: "sha256:" + strings.ToLower(strings.TrimPrefix(id, "sha256:"))}, true
	case id == "" || strings.Contains(id, "://") || strings.ContainsAny(id, " #?") || !strings.ContainsAny(id, "/:@"):
		return target{}, false
	}
	n := parseName(id)
	return target{ref: &n}, n.repository != ""
}

func isDigest(id string) bool {
	b, err := hex.DecodeString(strings.TrimPrefix(id, "sha256:"))
	return err == nil && len(b) == 32
}

// isImage tells whether t is an image, not a package.
func (t *target) isImage() bool { return t.purl == nil && t.cpe == nil }

// key is equal for a package and for what may be about it.
func (t *target) key() string {
	if t.purl != nil {
		return purlKey(t.purl)
	}
	return "cpe:" + t.cpe.product
}

func purlKey(p *packageurl.PackageURL) string { return p.Type + "/" + p.Namespace + "/" + p.Name }

// fitsPackage tells whether t is about a package.
func (t *target) fitsPackage(a *affected) bool {
	if t.cpe != nil {
		return slices.ContainsFunc(a.cpes, t.cpe.covers)
	}
	return t.purl != nil && a.purl != nil && covers(t.purl, a.purl)
}

// fitsImage tells whether t is about an image.
func (t *target) fitsImage(n imageName) bool {
	switch {
	case t.digest != "":
		return slices.Contains(n.digests, t.digest)
	case t.ref != nil:
		return t.ref.covers(n)
	case t.oci != nil:
		return coversImage(t.oci, n)
	}
	return false
}

// covers tells whether the name n is one of the image. By digest it is, whatever the
// image is called.
func (n *imageName) covers(image imageName) bool {
	if len(n.digests) > 0 {
		return slices.Contains(image.digests, n.digests[0])
	}
	return n.registry == image.registry && n.repository == image.repository && n.tag == image.tag
}

// covers tells whether what is said of s holds for p: s may leave out the version and
// any qualifier, but has none that p has not. That is how OpenVEX compares package URLs.
func covers(s, p *packageurl.PackageURL) bool {
	if s.Type != p.Type || s.Namespace != p.Namespace || s.Name != p.Name {
		return false
	}
	if s.Version != "" && s.Version != p.Version && !(s.Type == packageurl.TypeGolang && strings.TrimPrefix(s.Version, "v") == strings.TrimPrefix(p.Version, "v")) {
		return false
	}
	have := p.Qualifiers.Map()
	for k, v := range s.Qualifiers.Map() {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return s.Subpath == "" || s.Subpath == p.Subpath
}

// coversImage is the same for an image, whose package URL is pkg:oci/NAME@DIGEST with
// the repository in a qualifier, or pkg:docker/REPOSITORY@TAG-OR-DIGEST.
func coversImage(s *packageurl.PackageURL, n imageName) bool {
	byDigest := strings.HasPrefix(s.Version, "sha256:")
	switch {
	case byDigest && !slices.Contains(n.digests, strings.ToLower(s.Version)):
		return false
	case n.repository == "":
		return byDigest // a file, which has no name to compare
	}
	if s.Type == packageurl.TypeDocker {
		name := strings.TrimPrefix(s.Namespace+"/"+s.Name, "/")
		if !slices.Contains(n.repositories(), name) || s.Version != "" && !byDigest && s.Version != n.tag {
			return false
		}
	} else if s.Name != n.repository[strings.LastIndexByte(n.repository, '/')+1:] || s.Version != "" && !byDigest {
		return false
	}
	for k, v := range s.Qualifiers.Map() {
		ok := false
		switch k {
		case "repository_url":
			ok = slices.Contains(n.repositories(), strings.ToLower(v)) || s.Type == packageurl.TypeDocker && strings.ToLower(v) == n.registry
		case "tag":
			ok = v == n.tag
		case "arch":
			ok = v == n.architecture
		case "os":
			ok = v == "linux"
		}
		if !ok {
			return false
		}
	}
	return true
}

// cpe is a name in the scheme of CPE, without quoting, in lower case.
type cpe struct {
	part, vendor, product, version string
	// rest are the seven other attributes.
	rest [7]string
}

const anyValue = "*"

// parseCPE reads a formatted string of CPE 2.3 or a URI of CPE 2.2.
func parseCPE(s string) (c cpe, ok bool) {
	s = strings.ToLower(s)
	var fields []string
	if rest, is23 := strings.CutPrefix(s, "cpe:2.3:"); is23 {
		fields = splitCPE(rest)
		ok = len(fields) == 11
	} else if rest, is22 := strings.CutPrefix(s, "cpe:/"); is22 {
		fields = strings.Split(rest, ":")
		ok = len(fields) <= 7
		for i, f := range fields {
			decoded, err := url.PathUnescape(f)
			if err != nil {
				return c, false
			}
			if fields[i] = decoded; decoded == "" {
				fields[i] = anyValue
			}
		}
	}
	for len(fields) < 11 {
		fields = append(fields, anyValue)
	}
	c = cpe{part: fields[0], vendor: fields[1], product: fields[2], version: fields[3]}
	copy(c.rest[:], fields[4:])
	return c, ok
}

// splitCPE parts the attributes of a formatted string, and takes the quoting away. A
// wildcard that is quoted stays so: it is no wildcard.
func splitCPE(s string) []string {
	var fields []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			if i++; s[i] == '*' || s[i] == '?' {
				b.WriteByte('\\')
			}
			b.WriteByte(s[i])
		case c == ':':
			fields = append(fields, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(fields, b.String())
}

// definite tells whether c names one product.
func (c *cpe) definite() bool {
	wild := func(s string) bool { return s == "-" || strings.ContainsAny(strings.ReplaceAll(s, `\*`, ""), "*?") }
	return !wild(c.vendor) && !wild(c.product)
}

// covers tells whether what is said of c holds for d.
func (c *cpe) covers(d cpe) bool {
	if c.part != d.part || c.vendor != d.vendor || c.product != d.product || c.version != anyValue && c.version != d.version {
		return false
	}
	for i, v := range c.rest {
		if v != anyValue && v != d.rest[i] {
			return false
		}
	}
	return true
}
