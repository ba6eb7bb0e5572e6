package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/config"
)

// answersFile writes a file of answers, with files beside it.
func answersFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"answers.yaml": text, "body.txt": "from a file\n", "binary": "\xff\x00", "large": strings.Repeat("x", 2<<20),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "answers.yaml")
}

func TestReadAnswers(t *testing.T) {
	got, err := config.ReadAnswers(answersFile(t, `
- host: "*.Example.com"
  path: /payload*
  status: 404
  headers: {Content-Type: text/plain, X-A: ""}
  body: |
    hello
- {host: "*", body_file: body.txt}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Answer{
		{Host: "*.example.com", Path: "/payload*", Status: 404, Headers: map[string]string{"Content-Type": "text/plain", "X-A": ""}, Body: "hello\n"},
		{Host: "*", Body: "from a file\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := config.ReadAnswers(answersFile(t, "# nothing yet\n")); err != nil || got != nil {
		t.Errorf("an empty file: got %v and %v", got, err)
	}
	c := config.Default()
	c.Run.Answers = answersFile(t, "[{host: a}]")
	if n, err := c.Run.Internet(); err != nil || len(n.Answers) != 1 {
		t.Errorf("got %+v and %v, want the answer", n, err)
	}
}

func TestReadAnswersRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"no YAML", "- [", "answers.yaml"},
		{"no list", "host: a\n", "answers.yaml:1: want a list of answers"},
		{"no answer", "- host: a\n- b\n", "answers.yaml:2: want an answer"},
		{"unknown key", "- host: a\n  stauts: 200\n", `answers.yaml:2: unknown key "stauts"`},
		{"set twice", "- host: a\n  host: b\n", "answers.yaml:2: host is set twice"},
		{"no host", "- path: /\n", "answers.yaml:1: an answer without a host"},
		{"a URL", "- host: http://a/\n", `answers.yaml:1: host: "http://a/" is no host name`},
		{"a path without slash", "- host: a\n  path: x\n", `answers.yaml:2: path: "x" does not begin with / or *`},
		{"a status", "- host: a\n  status: 100\n", `answers.yaml:2: status: "100"`},
		{"two bodies", "- host: a\n  body: b\n  body_file: body.txt\n", "answers.yaml:1: body and body_file at once"},
		{"a list for a value", "- host: a\n  body: [b]\n", "answers.yaml:2: body: want one value"},
		{"an alias", "- host: &h a\n- host: *h\n", "answers.yaml:2: host: want one value"},
		{"no headers", "- host: a\n  headers: x\n", "answers.yaml:2: headers: want names and values"},
		{"a header's name", "- host: a\n  headers:\n    \"a b\": x\n", `answers.yaml:3: headers: "a b"`},
		{"a header's value", "- host: a\n  headers:\n    a: \"x\\r\\nb: y\"\n", `answers.yaml:3: headers: "a"`},
		{"headers twice", "- host: a\n  headers: {b: x, b: y}\n", "answers.yaml:2: headers: b is set twice"},
		{"no body file", "- host: a\n  body_file: gone\n", "answers.yaml:2: body_file: open "},
		{"a body file of bytes", "- host: a\n  body_file: binary\n", "answers.yaml:2: body_file: binary is no text in UTF-8"},
		{"a body file too long", "- host: a\n  body_file: large\n", "more than 1048576 bytes"},
		{"too much", "- host: a\n- host: a\n  body: " + strings.Repeat("x", 64<<10) + "\n", "answers.yaml:2: up to here the answers have more than 65536 bytes"},
		{"too many", strings.Repeat("- host: a\n", 257), "answers.yaml:1: more than 256 answers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.ReadAnswers(answersFile(t, test.text))
			if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrUsage with %q", err, test.want)
			}
		})
	}
	_, err := config.ReadAnswers(filepath.Join(t.TempDir(), "gone.yaml"))
	if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), "read answers: open ") {
		t.Errorf("no file: got %v, want ErrUsage", err)
	}
}
