package script_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/actors/script"
)

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"id":                   {"id"},
		"ssh  a 'curl b | sh'": {"ssh", "a", "curl b | sh"},
		"awk '{print $1}' /x":  {"awk", "{print $1}", "/x"},
		"a '' b'c d'":          {"a", "", "bc d"},
		"":                     nil,
	} {
		if diff := cmp.Diff(want, script.Words(line)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

func TestTools(t *testing.T) {
	s := script.Scene{Lines: []string{"ps aux", "/sbin/x y", "ps"}}
	if diff := cmp.Diff([]string{"/sbin/x", "/usr/bin/ps"}, s.Tools()); diff != "" {
		t.Error(diff)
	}
}

// Every scene has something to type.
func TestAll(t *testing.T) {
	for name, s := range script.All() {
		if len(s.Lines) == 0 {
			t.Errorf("%s: no lines", name)
		}
		for _, line := range s.Lines {
			if len(script.Words(line)) == 0 {
				t.Errorf("%s: an empty line", name)
			}
		}
	}
}
