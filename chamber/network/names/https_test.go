package names

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

func TestFromHTTP(t *testing.T) {
	query := ask(t, "example.com.", dnsmessage.TypeA, nil)
	encoded := base64.RawURLEncoding.EncodeToString(query)
	padded := base64.URLEncoding.EncodeToString(query)
	response := append([]byte(nil), query...)
	response[2] |= 0x80
	for _, tc := range []struct {
		name, method, url, kind string
		ok                      bool
	}{
		{"get", http.MethodGet, "https://dns.google/dns-query?dns=" + encoded, "", true},
		{"get elsewhere", http.MethodGet, "https://203.0.113.7/x?a=b&dns=" + url.QueryEscape(padded), "", true},
		{"get of something else", http.MethodGet, "https://example.com/?dns=example.com", "", false},
		{"get of a reply", http.MethodGet, "https://dns.google/dns-query?dns=" + base64.RawURLEncoding.EncodeToString(response), "", false},
		{"get without", http.MethodGet, "https://dns.google/dns-query", wireType, false},
		{"post", http.MethodPost, "https://cloudflare-dns.com/dns-query", "Application/DNS-Message; x=y", true},
		{"post of a form", http.MethodPost, "https://cloudflare-dns.com/dns-query", "application/x-www-form-urlencoded", false},
		{"put", http.MethodPut, "https://cloudflare-dns.com/dns-query", wireType, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.url, nil)
			r.Header.Set("Content-Type", tc.kind)
			got, ok := FromHTTP(r, query)
			if ok != tc.ok || ok && !cmp.Equal(got, query) {
				t.Errorf("got %x, %v", got, ok)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	z := New(Options{})
	a := texts(z.Addresses("example.com"))[0]
	for _, tc := range []struct {
		name, url, accept string
		want              string // a part of the body, empty for none
		ok                bool
		asked             string
	}{
		{"cloudflare", "https://cloudflare-dns.com/dns-query?name=example.com&type=A", jsonType, `"Answer":[{"name":"example.com.","type":1,"TTL":300,"data":"` + a + `"}]`, true, "A"},
		{"google", "https://dns.google/resolve?name=example.com&type=mx", "", `"data":"10 mail.example.com."`, true, "MX"},
		{"google by number", "https://8.8.8.8/resolve?name=example.com.&type=16", "", `"data":"v=spf1 mx ~all"`, true, "TXT"},
		{"google in clear", "http://dns.google:80/resolve?name=_ldap._tcp.example.com&type=SRV", "", `"data":"0 1 389 example.com."`, true, "SRV"},
		{"no such name", "https://dns.google/resolve?name=xkqzjvwpqkz.com", "", `"Status":3`, true, "A"},
		{"negative", "https://dns.google/resolve?name=xkqzjvwpqkz.com", "", `"Authority":[{"name":"com.","type":6,`, true, "A"},
		{"type of nothing", "https://dns.google/resolve?name=example.com&type=what", "", "", true, ""},
		{"label too long", "https://dns.google/resolve?name=" + strings.Repeat("x", 64) + ".com", "", "", true, ""},
		{"name too long", "https://dns.google/resolve?name=" + strings.Repeat("x.", 200) + ".com", "", "", true, ""},
		{"empty label", "https://dns.google/resolve?name=a..com", "", "", true, ""},
		{"another site", "https://example.com/resolve?name=example.com", "", "", false, ""},
		{"without name", "https://dns.google/resolve?type=A", jsonType, "", false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tc.url, nil)
			r.Header.Set("Accept", tc.accept)
			body, answers, ok := z.JSON(t.Context(), r)
			if ok != tc.ok || (body == nil) != (tc.want == "") || !strings.Contains(string(body), tc.want) {
				t.Errorf("got %s, %v", body, ok)
			}
			if body != nil && !json.Valid(body) {
				t.Errorf("no JSON: %s", body)
			}
			if (tc.asked == "") != (len(answers) == 0) || len(answers) == 1 && (answers[0].Type != tc.asked || answers[0].Transport != "https") {
				t.Errorf("recorded %+v", answers)
			}
		})
	}
}

func FuzzFromHTTP(f *testing.F) {
	query := ask(f, "example.com.", dnsmessage.TypeA, nil)
	f.Add("dns="+base64.RawURLEncoding.EncodeToString(query), "", []byte(nil), false)
	f.Add("", wireType, query, true)
	f.Add("name=example.com&type=SOA&ct="+jsonType, "", []byte(nil), false)
	z := New(Options{})
	f.Fuzz(func(t *testing.T, parameters, kind string, body []byte, post bool) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/resolve", RawQuery: parameters}, Host: "dns.google", Header: http.Header{"Content-Type": {kind}}}
		if post {
			r.Method = http.MethodPost
		}
		if query, ok := FromHTTP(r, body); ok && !post && (len(query) < headerSize || len(query) > maxMessage) {
			t.Errorf("query of %d bytes", len(query))
		}
		if b, _, ok := z.JSON(t.Context(), r); ok && b != nil && !json.Valid(b) {
			t.Errorf("no JSON: %s", b)
		}
	})
}
