package web

import (
	"net/http"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// canned gives the first answer of the plan that fits.
func (s *Site) canned(q *request) (Response, bool) {
	for _, a := range s.opts.Canned {
		if !hostFits(a.Host, q.host) || a.Path != "" && !glob(a.Path, q.path) {
			continue
		}
		out := reply("canned", a.Status, kindOf(a), a.Body)
		if a.Status == 0 {
			out.Status = http.StatusOK
		}
		for name, value := range a.Headers {
			out.Header.Set(name, value)
		}
		return out, true
	}
	return Response{}, false
}

// kindOf guesses the type of a canned body; the headers of the plan may say
// otherwise.
func kindOf(a plan.Answer) string {
	if a.Body == "" {
		return ""
	}
	return http.DetectContentType([]byte(a.Body))
}

// hostFits tells whether a host is one, is below the one after "*.", or any.
func hostFits(pattern, host string) bool {
	pattern = strings.ToLower(pattern)
	if parent, ok := strings.CutPrefix(pattern, "*."); ok {
		return strings.HasSuffix(host, "."+parent)
	}
	return pattern == "*" || pattern == host
}

// glob matches s with a pattern in which * stands for any run of characters.
// The first star takes as little as it can, the last as much as it must, and so
// every s is passed over once.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(s, parts[0])
	if len(parts) == 1 {
		return ok && rest == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, p)
		if !ok || i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return ok && strings.HasSuffix(rest, parts[len(parts)-1])
}
