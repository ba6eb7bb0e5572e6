package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"detonaut": func() { os.Exit(realMain()) }})
}

// TestScripts runs testdata/script/*.txtar, which are also the manual of the
// command line: each shows how a command is used and what it answers.
func TestScripts(t *testing.T) {
	bin := testenv.Binaries(t)
	hello := testenv.Program(t, "./actors/hello")
	publisher := publishDatabase(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       golden.Updating(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("VULNDB", filepath.Dir(vulntest.Archive(t)))
			e.Setenv("PUBLISHER", publisher)
			e.Setenv("DETONAUT_CHAMBER", filepath.Join(bin, "detonaut-chamber"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"key":         makeKey,
			"serve":       serve,
			"server":      startServer,
			"server-ends": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("there is no server") },
			"registry":    startRegistry,
			"remember":    remember,
			"ask":         ask,
			"revoke":      revoke,
			"image":       func(ts *testscript.TestScript, neg bool, args []string) { makeImage(ts, neg, args, hello) },
		},
	})
}

// publishDatabase serves a small vulnerability database, newer than that of the
// repository, and returns where.
func publishDatabase(t *testing.T) (url string) {
	t.Helper()
	built := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	file := vulntest.Make(t, built, vulntest.Hole{ID: "GHSA-1", Provider: "github", Ecosystem: "python", Package: "alpha", Before: "2.0"})
	archive, err := os.ReadFile(file) // which is as good as an archive
	if err != nil {
		t.Fatal(err)
	}
	latest := fmt.Sprintf(`{"status": "active", "schemaVersion": "v6.1.10", "built": %q, "path": "newer.tar.zst", "checksum": "sha256:%x"}`,
		built.Format(time.RFC3339), sha256.Sum256(archive))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v6/latest.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, latest) })
	mux.HandleFunc("GET /v6/newer.tar.zst", func(w http.ResponseWriter, req *http.Request) {
		http.ServeContent(w, req, "", built, bytes.NewReader(archive))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// exits is the command "exits CODE PROGRAM ARG...": exec for those who care
// which exit code it is.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got := strconv.Itoa(code); got != args[0] {
		ts.Fatalf("got exit code %s, want %s", got, args[0])
	}
}

// makeImage is the command "image DIR LINE...": it makes an OCI layout of an
// image that has one program, /bin/hello, and the config of the lines, as
// imagetest.FromTxtar reads them.
func makeImage(ts *testscript.TestScript, neg bool, args []string, hello string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: image DIR LINE...")
	}
	img, err := imagetest.FromTxtar(strings.Join(append([]string{"ENV DETONAUT_ACTOR=1"}, args[1:]...), "\n") + "\n-- /bin/ --\n-- /.detonaut-actor --\n")
	ts.Check(err)
	img, err = imagetest.AddFile(img, "/bin/hello", hello)
	ts.Check(err)
	ts.Check(imagetest.WriteOCIDir(img, ts.MkAbs(args[0])))
}
