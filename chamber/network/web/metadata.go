package web

import (
	"net/http"
	"strings"
	"time"
)

// metadata is the service by which a machine of a cloud learns who it is, and
// gets credentials: all of them bait. Each cloud has its own paths, so that one
// address can be all clouds.
func (s *Site) metadata(q *request) (Response, bool) {
	switch {
	case q.goesTo("169.254.170.2", "169.254.170.23", "fd00:ec2::23"):
		return s.containerMetadata(q), true
	case q.goesTo("100.100.100.200"):
		return s.alibabaMetadata(q), true
	case q.goesTo("168.63.129.16"):
		return s.wireserver(q), true
	case q.goesTo("metadata.google.internal", "metadata", "metadata.goog"):
		return s.googleMetadata(q), true
	case !q.goesTo("169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "instance-data", "instance-data.ec2.internal"):
		return Response{}, false
	}
	for _, c := range []struct {
		prefix string
		answer answerer
	}{
		{"/computeMetadata/", (*Site).google},
		{"/metadata/v1", (*Site).digitalOcean},
		{"/metadata/", (*Site).azureMetadata},
		{"/opc/", (*Site).oracleMetadata},
		{"/openstack", (*Site).openStack},
	} {
		if strings.HasPrefix(q.path, c.prefix) {
			return c.answer(s, q)
		}
	}
	if q.Header.Get("Metadata-Flavor") != "" {
		return s.googleMetadata(q), true
	}
	return s.awsMetadata(q), true
}

// A tree is the metadata of one machine: paths without a first slash, sorted.
// Directories follow from the paths.
type tree []leaf

type leaf struct{ path, value string }

// get is the value at a path, or the names in a directory, with a slash after
// those of other directories.
func (t tree) get(path string) (text string, directory, ok bool) {
	dir := path
	if dir != "" && !strings.HasSuffix(dir, "/") {
		dir += "/"
	}
	var names []string
	for _, l := range t {
		if l.path == path {
			return l.value, false, true
		}
		rest, below := strings.CutPrefix(l.path, dir)
		if !below {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			name += "/"
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return strings.Join(names, "\n"), true, len(names) > 0
}

// nested is what is below a directory as maps, for those who want JSON.
func (t tree) nested(dir string, name func(string) string) map[string]any {
	out := map[string]any{}
	for _, l := range t {
		rest, ok := strings.CutPrefix(l.path, dir)
		if !ok {
			continue
		}
		at := out
		for {
			first, below, deeper := strings.Cut(rest, "/")
			if !deeper {
				at[name(first)] = l.value
				break
			}
			next, ok := at[name(first)].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name(first)] = next
			}
			at, rest = next, below
		}
	}
	return out
}

// hour is the start of the hour: credentials last from it, and are the same
// until the next one.
func (s *Site) hour() time.Time { return s.opts.Now().UTC().Truncate(time.Hour) }

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }

// wrongPath is how most of these services say that there is no such thing.
func wrongPath(answer string) Response {
	return reply(answer, http.StatusNotFound, "text/plain", "Not Found\n")
}
