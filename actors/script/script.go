// Package script has the command lines that the actor typist types, by what they are
// an example of. The programs in them are props: they do nothing.
package script

import (
	"path"
	"slices"
	"strings"
)

// Scene is what is typed, in the order of the lines.
type Scene struct {
	// Lines are commands. Words are separated by blanks, and 'quoted' where they have
	// some.
	Lines []string
	// Files are made before, with a text that is nothing.
	Files []string
}

// All is every scene by its name.
func All() map[string]Scene {
	all := make(map[string]Scene)
	for _, part := range []map[string]Scene{credentials, discovery, lateral, collection, control, impact} {
		for name, scene := range part {
			all[name] = scene
		}
	}
	return all
}

// Words are those of a line.
func Words(line string) (words []string) {
	var word strings.Builder
	quoted, begun := false, false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// Tools are the programs that a scene needs, as paths in an image, sorted.
func (s *Scene) Tools() (paths []string) {
	for _, line := range s.Lines {
		program := Words(line)[0]
		if !path.IsAbs(program) {
			program = "/usr/bin/" + program
		}
		paths = append(paths, program)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
