package vulndb

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

// FuzzLatest reads latest.json. What it accepts has a digest, and a path that stays
// below where it was told.
func FuzzLatest(f *testing.F) {
	f.Add([]byte(`{"status": "active", "schemaVersion": "v6.1.10", "built": "2026-11-23T21:10:32Z", "path": "a/b.tar.zst", "checksum": "sha256:62c716a56f6dd6caa719528482249ed86332b51569d12271ee3b2eb8db9e6bbe"}`))
	at := &url.URL{Scheme: "https", Host: "example.com", Path: "/databases/v6/latest.json"}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseLatest(b)
		if err != nil {
			if !errors.Is(err, detonaut.ErrCorrupt) && !errors.Is(err, detonaut.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
			return
		}
		if u := l.archiveURL(at); u.Host != at.Host || !strings.HasPrefix(u.Path, "/databases/v6/") || !digestRE.MatchString(string(l.Checksum)) {
			t.Errorf("accepted %q, which leads to %s", b, u)
		}
	})
}

// FuzzUnpack reads archives, compressed or not. What it writes is bounded, and what it
// accepts begins as a database and has the digest that is told.
func FuzzUnpack(f *testing.F) {
	const most = 1 << 20
	f.Add(append([]byte("SQLite format 3\x00"), 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		digest, err := unpack(t.Context(), bytes.NewReader(b), &out, most)
		if out.Len() > most+1 {
			t.Errorf("wrote %d bytes", out.Len())
		}
		switch {
		case err == nil && (!bytes.HasPrefix(out.Bytes(), magicSQLite) || digest != detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(out.Bytes())))):
			t.Errorf("accepted something with the digest %s", digest)
		case err != nil && !errors.Is(err, detonaut.ErrCorrupt) && !errors.Is(err, detonaut.ErrLimit):
			t.Errorf("got %v", err)
		}
	})
}
