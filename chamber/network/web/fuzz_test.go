package web_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maxBody is more than any answer has to a request of the fuzzer's size.
const maxBody = 1 << 20

// FuzzAnswer asks for anything, anywhere: there is an answer, it is bounded,
// the headers are whole, and it is the same again.
func FuzzAnswer(f *testing.F) {
	f.Add("GET", "h", "/", "", "Accept: */*", []byte(nil), uint32(0), uint16(80))
	f.Add("PUT", "169.254.169.254", "/latest/api/token", "", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 1", []byte(nil), uint32(0xa9fea9fe), uint16(80))
	f.Add("GET", "metadata", "/computeMetadata/v1/", "recursive=true", "Metadata-Flavor: Google", []byte(nil), uint32(0), uint16(80))
	f.Add("POST", "10.96.0.1", "/api/v1/namespaces/a/pods", "", "", []byte(`{"metadata":{"name":"a"},"status":null}`), uint32(0), uint16(443))
	f.Add("POST", "github.com", "/a/b/git-receive-pack", "", "", []byte("00820000 1111 refs/heads/x\x00caps0000PACK"), uint32(0), uint16(443))
	f.Add("POST", "github.com", "/a/b/git-upload-pack", "", "", []byte("deepen 1\ndone\n"), uint32(0), uint16(443))
	f.Add("GET", "registry.h", "/@a/b", "", "User-Agent: npm/10", []byte(nil), uint32(0), uint16(443))
	f.Add("GET", "h", "/x/@v/v1.0.0.zip", "", "", []byte(nil), uint32(0), uint16(443))
	f.Add("GET", "h", "/simple/a%00b/", "", "Range: bytes=1-", []byte(nil), uint32(0), uint16(443))
	f.Add("GET", "h", "/dists/a/../Release", "go-get=1", "If-Range: x", []byte(nil), uint32(0), uint16(2375))
	s := newSite()
	f.Fuzz(func(t *testing.T, method, host, path, query, header string, body []byte, address uint32, port uint16) {
		ask := func() *http.Request {
			r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: host, Header: http.Header{}}
			for line := range strings.SplitSeq(header, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Add(name, value)
			}
			return r
		}
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}), port)
		a := s.Answer(ask(), body, to)
		if a.Status < 100 || a.Status > 599 || a.Answer == "" || a.Header.Get("Date") == "" {
			t.Errorf("status %d by %q with %v", a.Status, a.Answer, a.Header)
		}
		if len(a.Body) > maxBody+8*len(body) {
			t.Errorf("a body of %d bytes for one of %d", len(a.Body), len(body))
		}
		if (method == http.MethodHead || a.Status == http.StatusNotModified || a.Status == http.StatusNoContent) && len(a.Body) > 0 {
			t.Errorf("a body where none may be: %d", a.Status)
		}
		if strings.ContainsAny(a.Answer, "\r\n\x00") {
			t.Errorf("answer %q", a.Answer)
		}
		if diff := cmp.Diff(a, s.Answer(ask(), body, to)); diff != "" {
			t.Errorf("another answer the second time:\n%s", diff)
		}
	})
}
