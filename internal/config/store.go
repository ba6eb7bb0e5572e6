package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut"
)

// Store says where reports are remembered, and the artifacts of their runs.
type Store struct {
	// Database is the path of a file of SQLite, or a URL of PostgreSQL
	// (postgres://USER@HOST/NAME); empty is a file below the user's data directory.
	Database string `yaml:"database"`
	// Blobs is a directory, a file:// or an s3:// URL; empty is beside the database if that is
	// a file, else below the user's data directory.
	Blobs string `yaml:"blobs"`
}

// Postgres tells whether the database is one of PostgreSQL.
func (s Store) Postgres() bool {
	return strings.HasPrefix(s.Database, "postgres://") || strings.HasPrefix(s.Database, "postgresql://")
}

// Places are those of the database and of the blobs, also where the configuration leaves
// them open. It is [detonaut.ErrUsage] if there is none.
func (s Store) Places(env Env) (database, blobs string, err error) {
	database, blobs = s.Database, s.Blobs
	dir := dataDir(env)
	if (database == "" || blobs == "" && s.Postgres()) && dir == "" {
		return "", "", fmt.Errorf("%w: there is no directory for the store: set store.database and store.blobs, XDG_DATA_HOME or HOME", detonaut.ErrUsage)
	}
	if database == "" {
		database = filepath.Join(dir, "store.db")
	}
	switch {
	case blobs != "":
	case s.Postgres():
		blobs = filepath.Join(dir, "blobs")
	default:
		blobs = filepath.Join(filepath.Dir(database), "blobs")
	}
	return database, blobs, nil
}

// dataDir is ours below the user's data directory; empty if the environment has none.
func dataDir(env Env) string {
	data := env("XDG_DATA_HOME")
	if data == "" {
		home := env("HOME")
		if home == "" {
			return ""
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "detonaut")
}

func (s Store) validate(bad func(key, format string, args ...any)) {
	// The URLs may have passwords: they are not repeated.
	if scheme, _, isURL := strings.Cut(s.Database, "://"); isURL && !s.Postgres() {
		bad("store.database", "%q is no database: use a path or a URL of postgres", scheme)
	}
	if scheme, _, isURL := strings.Cut(s.Blobs, "://"); isURL && scheme != "file" && scheme != "s3" {
		bad("store.blobs", "%q is no place for blobs: use a path, or a URL of file or s3", scheme)
	}
}
