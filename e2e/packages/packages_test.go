package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

// TestPackages reads a tool of attackers, one that administrators have, too, and one that
// defends, as Debian ships them: each is named, and only the first is unwanted.
func TestPackages(t *testing.T) {
	m, err := newMeasurement(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.tools(t.Context(), []string{"hydra", "socat", "rkhunter"}); err != nil {
		t.Fatal(err)
	}
	if len(m.absent) > 0 || len(m.named) != 3 {
		t.Fatalf("got %+v, without %q", m.named, m.absent)
	}
	for i, want := range []struct {
		title, evidence string
		word            detonaut.Word
	}{
		{"Has hydra, a password brute forcer", "Debian package hydra 9.", detonaut.Unwanted},
		{"Has socat, a tool for connections", "Debian package socat 1.", detonaut.Clean},
		{"Has rkhunter, a finder of rootkits", "Debian package rkhunter 1.", detonaut.Clean},
	} {
		tool := m.named[i]
		at := slices.IndexFunc(tool.installed.findings, func(f detonaut.Finding) bool { return f.ID == "tool/"+tool.name })
		if at < 0 || tool.installed.word != want.word {
			t.Errorf("%s: %s, findings %+v", tool.name, tool.installed.word, tool.installed.findings)
			continue
		}
		if f := tool.installed.findings[at]; !strings.HasPrefix(f.Title, want.title) || !strings.HasPrefix(f.Evidence[0].Summary, want.evidence) {
			t.Errorf("%s: %s: %s", tool.name, f.Title, f.Evidence[0].Summary)
		}
	}
	if word := m.named[0].copied.word; word != detonaut.Unwanted {
		t.Errorf("a copy of hydra: %s", word)
	}
}
