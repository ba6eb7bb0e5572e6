package behavior_test

import (
	"fmt"
	"testing"

	"github.com/detonaut/detonaut/internal/behavior"
)

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://a.example/x/y?z": "a.example:80 /x/y", "https://a.example": "a.example:443 /", "HTTPS://a.example:8443?q": "a.example:8443 /",
		"https://u:p@a.example/@b": "a.example:443 /@b", "http://[2001:db8::1]:81/#f": "[2001:db8::1]:81 /", "ftp://a/b": "a /b",
		"http://": ":80 /", "192.0.2.1:80": "192.0.2.1:80 192.0.2.1:80", "/run/x://y": "/run/x://y /run/x://y", "": " /", "://a": "://a ://a",
	} {
		if got := fmt.Sprint(behavior.URLAddress(url), " ", behavior.URLPath(url)); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}

func TestDomains(t *testing.T) {
	for name, want := range map[string]string{
		"a.b.example.com": "example.com", "Example.COM.": "example.com", "a.example.co.uk": "example.co.uk", "co.uk": "co.uk",
		"x.com.example": "com.example", "db": "db", "": "", ".": "", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "a..example.com": "example.com",
		"..": "",
	} {
		if got := behavior.Domain(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
