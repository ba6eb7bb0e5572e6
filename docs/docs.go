// Package docs carries the documents, for the site to show. They are the Markdown files around
// this one, and are carried in docs.zip, which "go generate ./docs" makes of them; a test holds it
// to them.
package docs

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"io/fs"
)

//go:generate go run ../rules/pack docs.zip .md .

//go:embed docs.zip
var packed string

// Files are the documents, as *.md and adr/*.md.
func Files() fs.FS {
	all, err := zip.NewReader(bytes.NewReader([]byte(packed)), int64(len(packed)))
	if err != nil {
		panic(err) // a test has read it
	}
	return all
}
