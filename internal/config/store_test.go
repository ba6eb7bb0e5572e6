package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
)

func TestStorePlaces(t *testing.T) {
	home, data := map[string]string{"HOME": "/home/a"}, map[string]string{"HOME": "/home/a", "XDG_DATA_HOME": "/data"}
	for _, test := range []struct {
		database, blobs         string
		env                     map[string]string
		wantDatabase, wantBlobs string
	}{
		{"", "", home, "/home/a/.local/share/detonaut/store.db", "/home/a/.local/share/detonaut/blobs"},
		{"", "", data, "/data/detonaut/store.db", "/data/detonaut/blobs"},
		{"", "s3://b", data, "/data/detonaut/store.db", "s3://b"},
		{"/srv/d.db", "", nil, "/srv/d.db", "/srv/blobs"},
		{"d.db", "", nil, "d.db", "blobs"},
		{"postgres://host/d", "", data, "postgres://host/d", "/data/detonaut/blobs"},
		{"postgresql://host/d", "/b", nil, "postgresql://host/d", "/b"},
	} {
		database, blobs, err := config.Store{Database: test.database, Blobs: test.blobs}.Places(env(test.env))
		if err != nil || database != test.wantDatabase || blobs != test.wantBlobs {
			t.Errorf("%+v: got %s, %s, %v", test, database, blobs, err)
		}
	}
	for _, s := range []config.Store{{}, {Blobs: "/b"}, {Database: "postgres://host/d"}} {
		if _, _, err := s.Places(env(nil)); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%+v: got %v, want ErrUsage", s, err)
		}
	}
}

// What is refused is not repeated: it may have a password.
func TestStoreRefused(t *testing.T) {
	for key, s := range map[string]config.Store{
		"store.database": {Database: "mysql://a:hunter2@host/d"}, "store.blobs": {Blobs: "ftp://a:hunter2@host/d"},
	} {
		c := config.Default()
		c.Store = s
		if err := c.Validate(); !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", key, err)
		}
	}
}
