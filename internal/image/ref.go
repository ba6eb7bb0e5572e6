package image

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/regclient/regclient/types/ref"

	"github.com/detonaut/detonaut"
)

// scheme is where an image comes from.
type scheme string

const (
	fromRegistry      scheme = "registry"
	fromOCIDir        scheme = "oci-dir"
	fromOCIArchive    scheme = "oci-archive"
	fromDockerArchive scheme = "docker-archive"
	fromDaemon        scheme = "docker"
	fromStdin         scheme = "-"
)

// schemes are those that are written as a prefix.
var schemes = []scheme{fromRegistry, fromOCIDir, fromOCIArchive, fromDockerArchive, fromDaemon}

// reference is a parsed [detonaut.Ref].
type reference struct {
	scheme scheme
	// path is the file or directory of an archive or layout, and the name or id
	// that a daemon is asked for.
	path string
	// tag picks one image of a layout; empty if it has only one.
	tag string
	// remote is an image in a registry.
	remote ref.Ref
}

// maxRef bounds a reference: PATH_MAX of Linux, and some.
const maxRef = 4400

var (
	// A name with a port and a path is a registry, whatever the name.
	hostPortRE = regexp.MustCompile(`^[a-z-]+:[0-9]+/`)
	digestRE   = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	imageIDRE  = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)
	tagRE      = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// parseRef parses what a user typed. Without a prefix it is the name of an
// image in a registry, as Docker reads it.
func parseRef(typed detonaut.Ref) (reference, error) {
	s := string(typed)
	if len(s) > maxRef {
		return reference{}, fmt.Errorf("reference of %d bytes: %w", len(s), detonaut.ErrUsage)
	}
	if strings.ContainsAny(s, "\x00\n\r") {
		return reference{}, fmt.Errorf("reference with control characters: %w", detonaut.ErrUsage)
	}
	if s == string(fromStdin) {
		return reference{scheme: fromStdin}, nil
	}
	for _, k := range schemes {
		rest, ok := strings.CutPrefix(s, string(k)+":")
		if !ok {
			continue
		}
		switch k {
		case fromRegistry, fromDaemon:
			if hostPortRE.MatchString(s) {
				return parseRemote(s)
			}
			if k == fromRegistry {
				return parseRemote(rest)
			}
			return parseDaemon(rest)
		default:
			return parseFile(k, rest)
		}
	}
	return parseRemote(s)
}

func parseRemote(s string) (reference, error) {
	r, err := ref.New(s)
	if err != nil || r.Scheme != "reg" {
		return reference{}, fmt.Errorf("want an image name such as nginx:latest or host/name@sha256:..., or one of "+
			"oci-dir:DIR, oci-archive:FILE, docker-archive:FILE, docker:NAME and -: %w", detonaut.ErrUsage)
	}
	if r.Digest != "" && !digestRE.MatchString(r.Digest) {
		return reference{}, fmt.Errorf("digest %s: want sha256: and 64 lower-case hex digits: %w", r.Digest, detonaut.ErrUsage)
	}
	r.Reference = r.CommonName()
	return reference{scheme: fromRegistry, remote: r}, nil
}

// parseDaemon parses the name that a daemon is asked for. It is made complete,
// because a daemon takes a name without a tag for all tags.
func parseDaemon(s string) (reference, error) {
	if imageIDRE.MatchString(s) {
		return reference{scheme: fromDaemon, path: s}, nil
	}
	r, err := parseRemote(s)
	if err != nil {
		return reference{}, err
	}
	return reference{scheme: fromDaemon, path: r.remote.CommonName()}, nil
}

// parseFile parses a path. What follows the last colon of a layout's is a tag
// if it looks like one.
func parseFile(k scheme, s string) (reference, error) {
	r := reference{scheme: k, path: s}
	if i := strings.LastIndexByte(s, ':'); k == fromOCIDir && i >= 0 && tagRE.MatchString(s[i+1:]) {
		r.path, r.tag = s[:i], s[i+1:]
	}
	if r.path == "" {
		return reference{}, fmt.Errorf("%s: without a path: %w", k, detonaut.ErrUsage)
	}
	return r, nil
}

// String writes the reference out in full. Parsing that gives it back.
func (r reference) String() string {
	switch {
	case r.scheme == fromStdin:
		return string(fromStdin)
	case r.scheme == fromRegistry:
		return string(fromRegistry) + ":" + r.remote.CommonName()
	case r.tag != "":
		return string(r.scheme) + ":" + r.path + ":" + r.tag
	}
	return string(r.scheme) + ":" + r.path
}
