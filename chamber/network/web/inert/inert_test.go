package inert_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"debug/pe"
	"encoding/json"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

func named(t *testing.T, name string) []byte {
	t.Helper()
	f, ok := inert.Named(name, "")
	if !ok || f.Kind == "" {
		t.Fatalf("%s: %v, %q", name, ok, f.Kind)
	}
	return f.Body
}

func TestProgramRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, inert.ELF(runtime.GOARCH), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%q, %v", out, err)
	}
}

func TestPrograms(t *testing.T) {
	for machine, want := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		for kind, b := range map[elf.Type][]byte{elf.ET_EXEC: inert.ELF(machine), elf.ET_DYN: inert.Library(machine)} {
			f, err := elf.NewFile(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != want || f.Type != kind || f.Progs[0].Filesz != uint64(len(b)) {
				t.Errorf("%s: %v %v, %d of %d bytes loaded", machine, f.Machine, f.Type, f.Progs[0].Filesz, len(b))
			}
		}
	}
	if f, err := pe.NewFile(bytes.NewReader(inert.PE())); err != nil || f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 {
		t.Errorf("PE: %v", err)
	}
}

func TestScriptRuns(t *testing.T) {
	for name, args := range map[string][]string{
		"piped": {"sh"}, "run": {"sh", "/dev/stdin"}, "read into a shell that goes on": {"sh", "-c", ". /dev/stdin; echo on"},
	} {
		c := exec.CommandContext(t.Context(), args[0], args[1:]...)
		c.Stdin = strings.NewReader(inert.Shell)
		out, err := c.CombinedOutput()
		if want := map[bool]string{true: "on\n"}[len(args) > 2]; err != nil || string(out) != want {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

func names(t *testing.T, r io.Reader) (out []string) {
	t.Helper()
	for a := tar.NewReader(r); ; {
		h, err := a.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Name)
	}
}

func TestArchives(t *testing.T) {
	want := []string{"xmrig-6.21/README", "xmrig-6.21/run.sh"}
	z, err := gzip.NewReader(bytes.NewReader(named(t, "/x/xmrig-6.21.tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, names(t, z)); diff != "" {
		t.Errorf("tar: (-want +got):\n%s", diff)
	}
	b := named(t, "xmrig-6.21.zip")
	a, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range a.File {
		got = append(got, f.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("zip: (-want +got):\n%s", diff)
	}
	// A name that fits no archive is left out of it.
	for _, odd := range []string{"\x00.tar", "é.tar", "..tar", strings.Repeat("a", 300) + ".tar", ".tar"} {
		if got := names(t, bytes.NewReader(named(t, odd))); len(got) != 2 || got[0] != "package/README" {
			t.Errorf("%q: %v", odd, got)
		}
	}
}

func TestImages(t *testing.T) {
	for _, kind := range []string{"png", "gif", "jpeg"} {
		c, format, err := image.Decode(bytes.NewReader(named(t, "pixel."+kind)))
		if err != nil || format != kind || c.Bounds().Dx() != 1 || c.Bounds().Dy() != 1 {
			t.Errorf("%s: %s, %v", kind, format, err)
		}
	}
	if b := named(t, "favicon.ico"); len(b) < 22 || int(b[14]) != len(b)-22 {
		t.Errorf("icon of %d bytes", len(b))
	}
}

func TestDeb(t *testing.T) {
	command, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Fatalf("%v: run testdata/needs.sh test", err)
	}
	file := filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(file, named(t, "tool_2.1_amd64.deb"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), command, "--field", file, "Package", "Version", "Architecture").CombinedOutput()
	if want := "Package: tool\nVersion: 1.0\nArchitecture: all\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v", out, err)
	}
}

func TestTexts(t *testing.T) {
	if !json.Valid(named(t, "a.json")) {
		t.Error("JSON that is none")
	}
	if _, ok := inert.Named("/bin/kinsing", ""); ok {
		t.Error("a kind without an extension")
	}
	one, two := named(t, "a.jar"), named(t, "a.jar")
	if !bytes.Equal(one, two) {
		t.Error("the same file differs")
	}
}

// The loader of a machine takes the library, if it has one that we can ask.
func TestLibraryLoads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(file, inert.Library(runtime.GOARCH), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "/bin/true")
	c.Env = []string{"LD_PRELOAD=" + file}
	out, err := c.CombinedOutput()
	if err != nil || strings.Contains(string(out), "ERROR") {
		t.Errorf("%q, %v", out, err)
	}
}
