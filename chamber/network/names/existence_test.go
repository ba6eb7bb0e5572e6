package names

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExistence(t *testing.T) {
	z := New(Options{Known: func(name string) (exists, known bool) {
		exists = name == "canned" || name == "xkqzjvwpqkz.com"
		return exists, exists || name == "gone.example.com"
	}})
	for name, want := range map[string]standing{
		"":                         {exists: true},
		"example.com":              {exists: true, zone: "example.com"},
		"a.b.example.co.uk":        {exists: true, zone: "example.co.uk"},
		"co.uk":                    {exists: true, zone: "co.uk"},
		"actor.test":               {exists: true, zone: "actor.test"},
		"\xff\x01.example.com":     {exists: true, zone: "example.com"}, // data on its way through a name
		"_dmarc.example.com":       {exists: true, zone: "example.com"},
		"xn--e1afmkfd.xn--p1ai":    {exists: true, zone: "xn--e1afmkfd.xn--p1ai"},
		"localhost":                {exists: true},
		"canned":                   {exists: true},
		"xkqzjvwpqkz.com":          {exists: true, zone: "xkqzjvwpqkz.com"},
		"gone.example.com":         {zone: "example.com"},
		"xkqzjvwpqkz.net":          {zone: "net"},
		"www.xkqzjvwpqkz.net":      {zone: "net"},
		"xkqzjvwpqkz.co.uk":        {zone: "co.uk"},
		"printer":                  {},
		"printer.local":            {},
		"db.internal":              {},
		"metadata.google.internal": {exists: true, zone: "google.internal"},
		"facebookcorewwwi.onion":   {},
		"foo.invalid":              {},
		"foo.arpa":                 {},
		"example.c":                {},
		"example.c0m":              {},
		"example.1":                {},
		"-bad.com":                 {zone: "com"},
		"a_b.com":                  {zone: "com"},
		"\xe9.com":                 {zone: "com"},
		"8.8.8.8.in-addr.arpa":     {exists: true, zone: "in-addr.arpa"},
		"1.2.0.10.in-addr.arpa":    {zone: "in-addr.arpa"},
		"8.8.in-addr.arpa":         {zone: "in-addr.arpa"},
		"in-addr.arpa":             {exists: true, zone: "in-addr.arpa"},
		"1.0.ip6.arpa":             {zone: "ip6.arpa"},
	} {
		got, err := z.find(t.Context(), name)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(standing{})); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestResolveRandom(t *testing.T) {
	z := New(Options{ResolveRandom: true})
	if s, err := z.find(t.Context(), "xkqzjvwpqkz.com"); !s.exists || err != nil {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, _ := z.find(t.Context(), "foo.invalid"); s.exists {
		t.Error("foo.invalid exists")
	}
}

func TestResolveLive(t *testing.T) {
	var asked []string
	z := New(Options{Resolve: func(ctx context.Context, name string) (bool, error) {
		asked = append(asked, name)
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("there is no deadline")
		}
		switch name {
		case "broken.com":
			return false, errors.New("no answer")
		case "refused.com", "qzkxjvwpqkz.com":
			return false, fmt.Errorf("by policy: %w", ErrNotAsked)
		}
		return name != "gone.com", nil
	}})
	for name, want := range map[string]standing{
		"xkqzjvwpqkz.com":                   {exists: true, zone: "xkqzjvwpqkz.com", live: true},
		"gone.com":                          {zone: "gone.com", live: true},
		"broken.com":                        {zone: "broken.com", live: true},
		"refused.com":                       {exists: true, zone: "refused.com"},
		"qzkxjvwpqkz.com":                   {zone: "com"},
		"printer.local":                     {},
		"localhost":                         {exists: true},
		"3-64-0-1.ip.linodeusercontent.com": {exists: true, zone: "linodeusercontent.com"},
	} {
		asked = nil
		got, err := z.find(t.Context(), name)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(standing{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
		wantAsked := want.live || name == "refused.com" || name == "qzkxjvwpqkz.com"
		if (err != nil) != (name == "broken.com") || wantAsked != (len(asked) == 1) {
			t.Errorf("%q: error %v, asked %q", name, err, asked)
		}
	}
}
