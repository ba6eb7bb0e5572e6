// Package rules carries the rules that come with Detonaut. It is data: what a
// rule means is up to internal/behavior/rule.
package rules

import (
	"embed"
	"io/fs"
)

//go:embed behavior
var files embed.FS

// Behavior is the rules about what a subject does, as <tactic>/<id>.yaml.
func Behavior() fs.FS {
	sub, err := fs.Sub(files, "behavior")
	if err != nil {
		panic(err) // the name is a valid constant
	}
	return sub
}
