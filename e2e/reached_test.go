package e2e_test

import (
	"slices"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/testenv"
)

// using runs two of the servers' programs, and a module written in Python.
const using = `#!/bin/sh
sha256sum /etc/hostname
python3 -c 'import requests, ssl'
`

// TestReached shows which packages of a Debian a run used, and that the others were
// not: a library, a program, a module that is read as a source.
func TestReached(t *testing.T) {
	r := scan(t, scripted(t, testenv.DebianClients(t), using, nil), "--duration", "1m")
	if r.Inventory == nil || r.Run.ExitCode != 0 {
		t.Fatalf("inventory %v, exit code %d: stages %+v\n%s", r.Inventory, r.Run.ExitCode, r.Stages, r.Run.Output)
	}
	how := map[string]string{}
	for _, p := range r.Inventory.Packages {
		if p.Reached != nil {
			how[p.Type+" "+p.Name] = p.Reached.How
		}
	}
	for name, want := range map[string]string{
		"deb coreutils": "executed", "deb dash": "executed", "deb python3.11-minimal": "executed", "deb libc6": "loaded", "deb zlib1g": "loaded",
		"deb python3-requests": "loaded", "python requests": "loaded",
		"deb curl": "", "deb nodejs": "", "deb openssh-client": "", "deb perl-base": "", "npm npm": "",
	} {
		if how[name] != want {
			t.Errorf("%s: got %q, want %q", name, how[name], want)
		}
	}
	i := slices.IndexFunc(r.Inventory.Packages, func(p detonaut.Package) bool { return p.Name == "libc6" })
	if p := r.Inventory.Packages[i]; p.Reached.Event == 0 || p.Reached.Path == "" || p.Locations[0].Layer == "" {
		t.Errorf("got %+v, %+v, want where and when", p.Reached, p.Locations)
	}
	if t.Failed() {
		t.Logf("reached are %v", how)
	}
}
