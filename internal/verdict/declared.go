package verdict

import (
	"slices"
	"strings"
	"unicode"

	"github.com/detonaut/detonaut"
)

// declaration is how an image says that it holds a tool.
type declaration string

const (
	byName     declaration = "name"
	byLabel    declaration = "label"
	undeclared declaration = "no"
)

// maxTitle is how many words a label may have that is a title. A longer one could
// name every tool there is.
const maxTitle = 8

// declared tells how img says of itself that it holds what f is about. It depends on
// nothing but the two: that something else was found as well never makes it better.
func (t *table) declared(img detonaut.Image, f *detonaut.Finding) declaration {
	n, ok := t.Declares[f.Category]
	if !ok {
		return undeclared
	}
	if n.say(wordsOf(imageName(img)), f.Family) {
		return byName
	}
	for _, key := range t.Labels {
		if title := wordsOf(img.Config.Labels[key]); len(title) <= maxTitle && n.say(title, f.Family) {
			return byLabel
		}
	}
	return undeclared
}

// say tells whether words declare a tool of that family; empty is one that has none.
func (n names) say(words []string, family string) bool {
	known := n.Any
	if family == "" {
		known = slices.Concat(n.Any, n.Tools)
	}
	return slices.ContainsFunc(known, func(w string) bool { return slices.Contains(words, w) }) ||
		contains(words, wordsOf(family))
}

// contains tells whether part is in words, in one piece.
func contains(words, part []string) bool {
	for i := range words {
		if len(part) > 0 && len(words)-i >= len(part) && slices.Equal(words[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// wordsOf are the words of s, in lower case: runs of letters and digits.
func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// imageName is what whoever pulls img sees that it is called: the last part of the
// name of its repository, without a tag. The parts before it say who made it. A file
// or folder is called what its user likes; so is the tape of an image of which
// nothing else is known.
func imageName(img detonaut.Image) string {
	name := string(img.Ref)
	if img.Platform == "" || name == "-" {
		return ""
	}
	for _, file := range []string{"oci-dir:", "oci-archive:", "docker-archive:"} {
		if strings.HasPrefix(name, file) {
			return ""
		}
	}
	for _, scheme := range []string{"registry:", "docker:"} {
		name = strings.TrimPrefix(name, scheme)
	}
	name, _, _ = strings.Cut(name, "@")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name, _, _ = strings.Cut(name, ":")
	return name
}
