// Package docs carries the documents, for the site to show.
package docs

import "embed"

// Files are the documents, as *.md and adr/*.md.
//
//go:embed *.md adr/*.md
var Files embed.FS
