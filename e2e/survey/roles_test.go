package survey_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// images are those that play the roles, and can be run: as OCI layouts below a directory.
func images(t testing.TB) (dir string, byRole map[string]v1.Image) {
	t.Helper()
	dir, byRole = t.TempDir(), map[string]v1.Image{}
	var actors []cast.Actor
	for _, a := range cast.All() {
		if slices.ContainsFunc(hub.Roles(), func(r hub.Role) bool { return r.Name == a.Name }) {
			actors = append(actors, a)
		}
	}
	if err := cast.Build(t.Context(), testenv.Root(t), dir, actors); err != nil {
		t.Fatal(err)
	}
	needs, err := imagetest.FromTxtar("ENTRYPOINT [\"/usr/local/bin/app\"]\nENV PATH=/usr/local/bin:/usr/bin:/bin\n-- /tmp/ 1777 --\n")
	if err == nil {
		needs, err = imagetest.AddFile(needs, "/usr/local/bin/app", testenv.Program(t, "./e2e/survey/needs"))
	}
	if err == nil {
		err = imagetest.WriteOCIDir(needs, filepath.Join(dir, "needs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range hub.Roles() {
		if byRole[r.Name], err = imagetest.ReadOCIDir(filepath.Join(dir, r.Name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, byRole
}

const tapes = "testdata/tapes"

// TestTapes holds the tapes to the roles: each is there. With -update all are recorded anew, by
// the real chamber:
//
//	go test ./e2e/survey -run Tapes -update
func TestTapes(t *testing.T) {
	if golden.Updating() {
		recordTapes(t)
	}
	for _, r := range hub.Roles() {
		for _, file := range []string{r.Name + ".tape", r.Name + ".artifacts"} {
			if _, err := os.Stat(filepath.Join(tapes, file)); err != nil {
				t.Errorf("%v: run this test with -update", err)
			}
		}
	}
}

func recordTapes(t *testing.T) {
	t.Helper()
	dir, _ := images(t)
	bin := testenv.Binaries(t)
	player := testenv.Program(t, "./e2e/survey/player")
	into, err := filepath.Abs(tapes)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range hub.Roles() {
		// With --keep the chamber is asked for all that a worker asks for.
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "detonaut"), "scan", "-q", "--duration", "20s", "--keep", t.TempDir(), "oci-dir:"+filepath.Join(dir, r.Name))
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "DETONAUT_CHAMBER="+player,
			"DETONAUT_CHAMBER_REAL="+filepath.Join(bin, "detonaut-chamber"), "DETONAUT_CHAMBER_RECORD="+filepath.Join(into, r.Name))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("record %s: %v\n%s", r.Name, err, out)
		}
	}
}
