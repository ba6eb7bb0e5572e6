// Package rules carries the rules that come with Detonaut. It is data: what a
// rule means is up to internal/behavior/rule, and what a list of malicious packages
// means to internal/static/malicious.
package rules

import (
	"embed"
	"io/fs"
)

//go:embed behavior files packages tools
var files embed.FS

// Behavior is the rules about what a subject does, as <tactic>/<id>.yaml.
func Behavior() fs.FS { return sub("behavior") }

// Files is the rules about what a file is, as <category>/<id>.yaml.
func Files() fs.FS { return sub("files") }

// Packages is the list of malicious packages, as <ecosystem>.yaml.
func Packages() fs.FS { return sub("packages") }

// Tools is the catalogue of tools, as <kind>.yaml.
func Tools() fs.FS { return sub("tools") }

func sub(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // the name is a valid constant
	}
	return sub
}
