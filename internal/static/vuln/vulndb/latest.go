package vulndb

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// maxLatest bounds a latest.json, in bytes.
const maxLatest = 64 << 10

// latest is the database that a publisher offers, as its latest.json says it. The
// format is Grype's (grype/db/v6/distribution).
type latest struct {
	// Status is "active", "deprecated" or "eol", of the format as a whole.
	Status string    `json:"status"`
	Schema string    `json:"schemaVersion"`
	Built  time.Time `json:"built"`
	// Path is that of the archive, relative to latest.json.
	Path     string          `json:"path"`
	Checksum detonaut.Digest `json:"checksum"`
}

var (
	digestRE = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	schemaRE = regexp.MustCompile(`^v?([0-9]{1,6})\.[0-9]{1,6}\.[0-9]{1,6}$`)
)

// parseLatest reads a latest.json. It is [detonaut.ErrUnsupported] if that speaks of
// another format.
func parseLatest(b []byte) (*latest, error) {
	l := new(latest)
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
	}
	model := schemaRE.FindStringSubmatch(l.Schema)
	switch {
	case model == nil:
		return nil, fmt.Errorf("%w: schema version %.40q", detonaut.ErrCorrupt, l.Schema)
	case model[1] != strconv.Itoa(vuln.Model):
		return nil, fmt.Errorf("%w: the database has the format %s, and this version of detonaut reads v%d", detonaut.ErrUnsupported, l.Schema, vuln.Model)
	case !digestRE.MatchString(string(l.Checksum)):
		return nil, fmt.Errorf("%w: checksum %.80q", detonaut.ErrCorrupt, string(l.Checksum))
	case l.Built.IsZero():
		return nil, fmt.Errorf("%w: no time at which it was built", detonaut.ErrCorrupt)
	case !isBelow(l.Path):
		return nil, fmt.Errorf("%w: path %.200q", detonaut.ErrCorrupt, l.Path)
	}
	l.Built = l.Built.UTC()
	return l, nil
}

// isBelow tells whether p is a path below where it is told.
func isBelow(p string) bool {
	return p != "" && len(p) <= 1000 && !path.IsAbs(p) && !strings.ContainsAny(p, "\\\x00") && path.Clean(p) != "." &&
		path.Clean(p) != ".." && !strings.HasPrefix(path.Clean(p), "../")
}

// latestURL is that of the latest.json of a publisher, which the operator names as a
// whole or in part.
func latestURL(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%w: %q is no URL of http or https", detonaut.ErrUsage, base)
	}
	if !strings.HasSuffix(u.Path, ".json") {
		u = u.JoinPath("v"+strconv.Itoa(vuln.Model), "latest.json")
	}
	return u, nil
}

// archiveURL is that of the archive that l names, beside the latest.json of u.
func (l *latest) archiveURL(u *url.URL) *url.URL {
	made := *u
	made.Path, made.RawPath = path.Join(path.Dir(u.Path), l.Path), ""
	return &made
}
