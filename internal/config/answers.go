package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
)

// Bounds on canned answers: they are part of the plan of every run, which has
// to fit on one line of its tape.
const (
	maxAnswers     = 256
	maxAnswersSize = 64 << 10 // bytes, as JSON
)

// ReadAnswers reads a file of canned answers, a list in YAML:
//
//   - host: "*.example.com"  # or a name, or "*"
//     path: /payload*        # optional, * for any run of characters
//     status: 200            # optional
//     headers: {Content-Type: text/plain}
//     body: hello            # or body_file: a path, relative to this file
//
// Errors are [detonaut.ErrUsage] and name the file and line.
func ReadAnswers(name string) ([]plan.Answer, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: read answers: %w", detonaut.ErrUsage, err)
	}
	f := answersFile(name)
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", detonaut.ErrUsage, name, err)
	}
	if doc.Kind == 0 {
		return nil, nil // an empty file
	}
	root := doc.Content[0]
	if root.Kind != yaml.SequenceNode {
		return nil, f.bad(root, "want a list of answers")
	}
	if len(root.Content) > maxAnswers {
		return nil, f.bad(root, "more than %d answers", maxAnswers)
	}
	var answers []plan.Answer
	for _, n := range root.Content {
		a, err := f.answer(n)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
		if b, err := json.Marshal(answers); err != nil || len(b) > maxAnswersSize {
			return nil, f.bad(n, "up to here the answers have more than %d bytes", maxAnswersSize)
		}
	}
	return answers, nil
}

// answersFile is the name of a file of answers.
type answersFile string

func (f answersFile) bad(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%w: %s:%d: %s", detonaut.ErrUsage, string(f), n.Line, fmt.Sprintf(format, args...))
}

func (f answersFile) answer(n *yaml.Node) (a plan.Answer, err error) {
	if n.Kind != yaml.MappingNode {
		return a, f.bad(n, "want an answer: host, path, status, headers, body or body_file")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if seen[key.Value] {
			return a, f.bad(key, "%s is set twice", key.Value)
		}
		seen[key.Value] = true
		if key.Value == "headers" {
			a.Headers, err = f.headers(value)
		} else {
			err = f.field(&a, key, value)
		}
		if err != nil {
			return a, err
		}
	}
	switch {
	case a.Host == "":
		return a, f.bad(n, "an answer without a host: use \"*\" for any")
	case seen["body"] && seen["body_file"]:
		return a, f.bad(n, "body and body_file at once")
	}
	return a, nil
}

// field sets what is no mapping itself.
func (f answersFile) field(a *plan.Answer, key, value *yaml.Node) error {
	if value.Kind != yaml.ScalarNode {
		return f.bad(value, "%s: want one value", key.Value)
	}
	text := value.Value
	switch key.Value {
	case "host":
		if !hostPattern(text) {
			return f.bad(value, "host: %q is no host name, *.NAME or *", text)
		}
		a.Host = strings.ToLower(text)
	case "path":
		if !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "*") {
			return f.bad(value, "path: %q does not begin with / or *", text)
		}
		a.Path = text
	case "status":
		status, err := strconv.Atoi(text)
		if err != nil || status < 200 || status > 599 {
			return f.bad(value, "status: %q is none from 200 to 599", text)
		}
		a.Status = status
	case "body":
		a.Body = text
	case "body_file":
		return f.bodyFile(a, value)
	default:
		return f.bad(key, "unknown key %q: use host, path, status, headers, body or body_file", key.Value)
	}
	return nil
}

func (f answersFile) headers(n *yaml.Node) (map[string]string, error) {
	if n.Kind != yaml.MappingNode {
		return nil, f.bad(n, "headers: want names and values")
	}
	headers := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if _, twice := headers[name.Value]; twice {
			return nil, f.bad(name, "headers: %s is set twice", name.Value)
		}
		if value.Kind != yaml.ScalarNode || !headerName(name.Value) || strings.ContainsFunc(value.Value, unicode.IsControl) {
			return nil, f.bad(name, "headers: %q is no header with one value", name.Value)
		}
		headers[name.Value] = value.Value
	}
	return headers, nil
}

// headerName tells whether s is a token (RFC 9110 section 5.6.2).
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// bodyFile takes the body from a file beside the one of the answers.
func (f answersFile) bodyFile(a *plan.Answer, n *yaml.Node) error {
	name := n.Value
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(string(f)), name)
	}
	b, err := readFile(name)
	if err != nil {
		return f.bad(n, "body_file: %v", err)
	}
	if !utf8.Valid(b) {
		return f.bad(n, "body_file: %s is no text in UTF-8", n.Value)
	}
	a.Body = string(b)
	return nil
}
