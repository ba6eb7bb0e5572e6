package inventory

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// TestOwners asks a Debian with Java, Node and Python whose its files are.
func TestOwners(t *testing.T) {
	in := realImage(t)
	inv, _ := Read(t.Context(), in)
	owners := inv.Owners(in.Index)
	names := func(p string) (names []string) {
		for _, at := range owners(p) {
			names = append(names, inv.Packages[at].Type+" "+inv.Packages[at].Name)
		}
		return names
	}
	for p, want := range map[string]string{
		"/usr/bin/curl": "deb curl",
		"/usr/lib/python3/dist-packages/requests/api.py": "python requests",
		"/usr/share/nodejs/npm/lib/npm.js":               "npm npm",
		"/bin/sh":                                        "deb dash",
		"/usr/lib/python3/dist-packages/requests/__pycache__/api.cpython-311.pyc": "deb python3-requests",
		"/etc/none": "",
	} {
		if got := names(p); want == "" && len(got) > 0 || want != "" && !slices.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", p, got, want)
		}
	}
	libc, java := "", ""
	for i := range in.Index.Entries {
		switch p := "/" + in.Index.Entries[i].Path; {
		case path.Base(p) == "libc.so.6":
			libc = p
		case strings.HasSuffix(p, "/lib/modules"):
			java = p
		}
	}
	if got := names(libc); !slices.Contains(got, "deb libc6") {
		t.Errorf("%s, which its package lists below a link: got %q", libc, got)
	}
	if got := names(java); len(got) == 0 {
		t.Errorf("%s: nobody's", java)
	}
}
