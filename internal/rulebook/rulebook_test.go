package rulebook

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// note is a rule of the tests: a head, and what is in it.
type note struct {
	Head `yaml:",inline"`
	When Source   `yaml:"when"`
	List []string `yaml:"list"`
}

func compileNote(to *[]string) Compile {
	return func(data []byte, _ Place) (string, int, func(), error) {
		var n note
		lines, err := Decode(data, &n)
		if err != nil {
			return "", 0, nil, err
		}
		if err := n.CheckHead(lines); err != nil {
			return "", 0, nil, err
		}
		if n.When.Text == "panic" {
			panic("no")
		}
		if err := lines.First(Refuse(n.When.Text == "bad", "when", "%s is refused", n.When.Text)); err != nil {
			return "", 0, nil, err
		}
		if n.When.Text == "item" {
			return "", 0, nil, lines.AtItem("list", 1, "when", fmt.Errorf("the second"))
		}
		return n.ID, lines.Of("id"), func() { *to = append(*to, n.ID) }, nil
	}
}

func text(id, more string) *fstest.MapFile {
	return &fstest.MapFile{Data: fmt.Appendf(nil, "id: %s\ntitle: A title\nmeaning: What it means.\nseverity: low\nconfidence: certain\n%s", id, more)}
}

func TestRead(t *testing.T) {
	var got []string
	ours := fstest.MapFS{"a/one.yaml": text("a/one", "when: x\n"), "readme.md": {Data: []byte("no rule")}}
	theirs := fstest.MapFS{
		"a/one.yaml": text("a/one", "when: x\n"), "b.yaml": text("c", ""), "panic.yaml": text("panic", "when: panic\n"),
		"bad.yaml": text("bad", "when: bad\n"), "item.yaml": text("item", "list:\n  - one\n  - two\nwhen: item\n"), "good.yaml": text("good", ""),
		"alias.yaml": text("alias", "when: &x y\n"), "unknown.yaml": text("unknown", "colour: red\n"), "two.yaml": text("two", "---\nid: three\n"),
		"large.yaml": {Data: []byte(strings.Repeat("# no\n", MaxDocument/4))}, "attack.yaml": text("attack", "attack: [T1]\n"),
		"family.yaml": text("family", "family: Not A Name\n"), "severity.yaml": {Data: []byte("id: severity\ntitle: x\nmeaning: y\nseverity: worst\n")},
	}
	book := Read(compileNote(&got), ours, theirs)
	if diff := cmp.Diff([]string{"a/one", "good"}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	var problems []string
	for _, p := range book.Problems {
		problems = append(problems, fmt.Sprintf("%d %s", p.System, p))
	}
	want := []string{
		"1 a/one.yaml:1: another rule has this id",
		"1 alias.yaml:6: anchors and aliases are not understood",
		`1 attack.yaml:6: attack "T1" is no id such as T1059 or T1059.004`,
		`1 b.yaml:1: the id is "c"; by its path it must be "b"`,
		"1 bad.yaml:6: bad is refused",
		`1 family.yaml:6: family "Not A Name" is no short name in lower case, such as xmrig`,
		"1 item.yaml:8: the second",
		"1 large.yaml: limit exceeded: more than 65536 bytes",
		"1 panic.yaml: not understood: no",
		`1 severity.yaml:4: severity "worst" is none of [critical high medium low negligible]`,
		"1 two.yaml: more than one document",
		"1 unknown.yaml:6: field colour not found in type rulebook.note",
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if other := Read(compileNote(&got), theirs, ours); other.Digest != book.Digest || !strings.HasPrefix(string(book.Digest), "sha256:") {
		t.Errorf("digests %s and %s", book.Digest, other.Digest)
	}
}
