package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/internal/golden"
)

// TestDoc holds the second part of docs/cli.md to what the commands say with
// --help. With -update it is written anew.
func TestDoc(t *testing.T) {
	const file, mark = "../../docs/cli.md", "<!-- below: what the commands say with --help -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(text), mark)
	if !ok {
		t.Fatalf("%s has no line %q", file, mark)
	}
	var b strings.Builder
	b.WriteString(head + mark)
	a := &app{env: func(string) string { return "" }}
	helpOf(t, &b, a.root())
	got := strings.ReplaceAll(b.String(), "linux/"+runtime.GOARCH, "linux/ARCH")
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("%s is not what --help says; run the test with -update (-file +help):\n%s", file, diff)
	}
}

// helpOf writes the help of cmd and of those below it, and holds each to have
// an example.
func helpOf(t *testing.T, b *strings.Builder, cmd *cobra.Command) {
	t.Helper()
	if cmd.Name() == "help" {
		return
	}
	if cmd.Example == "" {
		t.Errorf("%s has no example", cmd.CommandPath())
	}
	var out bytes.Buffer
	cmd.SetOut(&out)
	if err := cmd.Help(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "\n## %s\n\n```text\n%s```\n", cmd.CommandPath(), out.String())
	for _, sub := range cmd.Commands() {
		helpOf(t, b, sub)
	}
}
