//go:build linux

package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// TestOwnPrograms reads an image that has Detonaut in it, which names all that it looks for
// and pretends to be all that malware talks to: nobody is to take it for that.
func TestOwnPrograms(t *testing.T) {
	img, err := imagetest.FromTxtar("ENTRYPOINT [\"/bin/detonaut\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"detonaut", "detonaut-chamber"} {
		if img, err = imagetest.AddFile(img, "/bin/"+name, filepath.Join(testenv.Binaries(t), name)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "image")
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(testenv.Binaries(t), "detonaut"), "static", "-q", "-o", "json", "oci-dir:"+dir)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r detonaut.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Stages {
		if s.Name == "image/malware" && s.State != "complete" {
			t.Errorf("%s is %s: %s", s.Name, s.State, s.Reason)
		}
	}
	for _, f := range r.Findings {
		if !f.Weakness {
			t.Errorf("%s (%s): %s", f.ID, f.Severity, f.Evidence[0].Summary)
		}
	}
}
