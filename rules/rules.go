// Package rules carries the rules that come with Detonaut. It is data: what a
// rule means is up to internal/behavior/rule and internal/static/malware/rule, what a list
// of malicious packages means to internal/static/malicious, and what a list of tools means
// to internal/static/tool.
//
// They are the YAML files around this one, and are carried in rules.zip, which
// "go generate ./rules" makes of them; a test holds it to them.
package rules

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"io/fs"
)

//go:generate go run ./pack rules.zip .yaml behavior files packages tools

//go:embed rules.zip
var packed string

// Parts are the folders that hold rules.
func Parts() []string { return []string{"behavior", "files", "packages", "tools"} }

// Behavior is the rules about what a subject does, as <tactic>/<id>.yaml.
func Behavior() fs.FS { return sub("behavior") }

// Files is the rules about what a file is, as <category>/<id>.yaml.
func Files() fs.FS { return sub("files") }

// Packages is the list of malicious packages, as <ecosystem>.yaml.
func Packages() fs.FS { return sub("packages") }

// Tools is the catalogue of tools, as <kind>.yaml.
func Tools() fs.FS { return sub("tools") }

func sub(name string) fs.FS {
	all, err := zip.NewReader(bytes.NewReader([]byte(packed)), int64(len(packed)))
	if err != nil {
		panic(err) // a test has read it
	}
	sub, err := fs.Sub(all, name)
	if err != nil {
		panic(err) // the name is a valid constant
	}
	return sub
}
