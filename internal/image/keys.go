package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/detonaut/detonaut"
)

// structs are the members of manifests, indexes and configs whose keys are known
// names, which encoding/json takes in upper and lower case alike. The document
// itself is "". The keys of all else, such as labels, are data.
var structs = map[string]bool{"": true, "config": true, "rootfs": true, "layers": true, "manifests": true, "platform": true}

// level is an object or a list in a document.
type level struct {
	name string          // the key that it is at; a list's elements have the list's
	key  string          // the last key in it
	seen map[string]bool // keys in it; nil for a list
	next bool            // a key comes next
}

// child is the name of what comes next.
func (l *level) child() string {
	if l.seen == nil {
		return l.name
	}
	return strings.ToLower(l.key)
}

// checkKeys refuses a document that says a key twice, or once as "layers" and
// once as "Layers": which of them counts differs between programs, so that the
// one that runs the image could see another than we do. What is no JSON is left
// to who parses it.
func checkKeys(raw []byte) error {
	stack := []level{{}}
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the end, or no JSON
		}
		top := &stack[len(stack)-1]
		if key, ok := token.(string); ok && top.next {
			if top.key = key; structs[top.name] {
				key = strings.ToLower(strings.ToUpper(key))
			}
			if top.seen[key] {
				return fmt.Errorf("key %s is there twice: %w", quoted(top.key), detonaut.ErrCorrupt)
			}
			top.seen[key], top.next = true, false
			continue
		}
		top.next = top.seen != nil
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{name: top.child(), seen: map[string]bool{}, next: true})
		case json.Delim('['):
			stack = append(stack, level{name: top.child()})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
	}
}
