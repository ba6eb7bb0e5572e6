package rulebook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
)

// Source is the text of a condition and where it is written.
type Source struct {
	Text string
	Line int
}

// UnmarshalYAML notes the line.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	s.Line = n.Line
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a condition is text", n.Line)
	}
	s.Text = n.Value
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		s.Line++ // the text begins below the indicator
	}
	return nil
}

// LineError is an error in a document.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return e.Err.Error() }
func (e *LineError) Unwrap() error { return e.Err }

// Lines are the lines of the fields of a document.
type Lines struct {
	fields map[string]int
	// items are those of the elements of a field that is a list.
	items map[string][]int
}

// At says in which line an error about a field is; nil stays nil.
func (l *Lines) At(field string, err error) error {
	if err == nil {
		return nil
	}
	return &LineError{max(l.fields[field], 1), err}
}

// AtItem is the same for an element of a list, or if that has none such, for other.
func (l *Lines) AtItem(field string, i int, other string, err error) error {
	if items := l.items[field]; i < len(items) {
		return &LineError{items[i], err}
	}
	return l.At(other, err)
}

// Of is the line of a field; 0 if there is none.
func (l *Lines) Of(field string) int { return l.fields[field] }

// Decode reads a document, which has no other fields than to has, and returns their lines.
func Decode(data []byte, to any) (*Lines, error) {
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("%w: more than %d bytes", detonaut.ErrLimit, MaxDocument)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, LineOf(err)
	}
	if n := reference(&root); n != nil {
		return nil, &LineError{n.Line, errors.New("anchors and aliases are not understood")}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(to); err != nil {
		return nil, LineOf(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return linesOf(&root), nil
}

func linesOf(root *yaml.Node) *Lines {
	l := &Lines{fields: make(map[string]int), items: make(map[string][]int)}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return l
	}
	fields := root.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		name := fields[i].Value
		l.fields[name] = fields[i].Line
		if fields[i+1].Kind == yaml.SequenceNode {
			for _, item := range fields[i+1].Content {
				l.items[name] = append(l.items[name], item.Line)
			}
		}
	}
	return l
}

// reference finds an anchor or alias: they let a few bytes stand for many.
func reference(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, c := range n.Content {
		if found := reference(c); found != nil {
			return found
		}
	}
	return nil
}

// LineOf finds the line that the library of YAML put into its message.
func LineOf(err error) error {
	message := err.Error()
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) && len(wrong.Errors) > 0 {
		message = wrong.Errors[0]
	}
	message = strings.TrimPrefix(message, "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if digits, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(digits); err == nil {
				return &LineError{line, errors.New(text)}
			}
		}
	}
	return errors.New(message)
}
