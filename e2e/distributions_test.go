package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// distributions are those whose trust stores are known, each with the file of
// internal/detonate/testdata/trust that shows them.
var distributions = []struct{ layout, names string }{
	{"alpine", "Alpine"},
	{"arch", "Arch Linux"},
	{"busybox", "Busybox, and images from scratch"},
	{"centos6", "CentOS 6, Amazon Linux 1"},
	{"clear", "Clear Linux"},
	{"debian", "Debian, Ubuntu"},
	{"fedora", "Fedora 42 and later"},
	{"mageia", "Mageia, OpenELEC"},
	{"nixos", "NixOS, images made by Nix"},
	{"photon", "Photon"},
	{"rhel", "RHEL, UBI, Rocky, Alma, Oracle, Amazon Linux 2023"},
	{"suse", "SUSE, openSUSE"},
	{"bci-micro", "SUSE without certificates (BCI Micro)"},
	{"void", "Void, Gentoo"},
	{"wolfi", "Wolfi, Chainguard, distroless"},
	{"runtimes", "runtimes and their packages: Python, Conda, gRPC, Ruby, Perl, PHP, Java"},
}

// With the trust stores of each distribution where that has them, a client that
// trusts what its system trusts is seen in clear, and every other store takes
// the run's CA.
func TestDistributions(t *testing.T) {
	dir := t.TempDir()
	images, layouts, contents := make(map[string]v1.Image), make(map[string]layout), storeContents(t)
	program, err := os.ReadFile(testenv.Program(t, "./e2e/client"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := imagetest.Layer([]imagetest.File{{Header: tar.Header{Name: "client", Mode: 0o755}, Body: program}}, imagetest.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, d := range distributions {
		layouts[d.layout] = readLayout(t, d.layout, contents)
		images[d.layout] = layouts[d.layout].image(t, client, "https://"+d.layout+".distributions.example/")
		fmt.Fprintf(&list, "oci-dir:%s:%s\n", filepath.Join(dir, "images"), d.layout)
	}
	if err := imagetest.WriteOCIDirs(images, filepath.Join(dir, "images")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "list"), list.String())
	reports := scanList(t, filepath.Join(dir, "list"), "--keep", filepath.Join(dir, "keep"), "--jobs", "2")
	var rows strings.Builder
	rows.WriteString("| distribution | a client of the system's store trusts the run's CA | stores that get it, by form |\n|---|---|---|\n")
	for i, d := range distributions {
		t.Run(d.layout, func(t *testing.T) {
			r := reports[i]
			events := readTape(t, filepath.Join(dir, "keep", strings.Replace(string(r.Image.Digest), ":", "-", 1), "tape.jsonl.zst"))
			trusts := "no"
			if asked := exchanges(events, d.layout+".distributions.example"); r.Run.ExitCode == 0 && len(asked) == 1 && strings.HasPrefix(asked[0].HTTP.URL, "https://") {
				trusts = "yes"
			} else {
				t.Errorf("the client asked %d times, and ended with %s %d: %s", len(asked), r.Run.EndReason, r.Run.ExitCode, r.Run.Output)
			}
			stores := installed(t, events)
			if diff := cmp.Diff(layouts[d.layout].stores, stores); diff != "" {
				t.Errorf("stores (-want +got):\n%s", diff)
			}
			fmt.Fprintf(&rows, "| %s | %s | %s |\n", d.names, trusts, forms(stores))
		})
	}
	section(t, "distributions", rows.String())
}

// installed are the trust stores to which the CA was added, as a layout has
// them.
func installed(t *testing.T, events []*tape.Event) (stores []string) {
	t.Helper()
	for _, e := range events {
		if e.Kind != tape.TrustInstall {
			continue
		}
		if e.Trust.Error != "" {
			t.Errorf("%s %s: %s", e.Trust.Kind, e.Trust.Path, e.Trust.Error)
		}
		stores = append(stores, e.Trust.Kind+" "+e.Trust.Path)
	}
	return stores
}

// forms counts the stores of each kind.
func forms(stores []string) string {
	count := make(map[string]int)
	for _, s := range stores {
		kind, _, _ := strings.Cut(s, " ")
		count[kind]++
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%d %s", count[kind], kind))
	}
	return strings.Join(words, ", ")
}

// scanList scans the images of a list, and returns their reports in its order.
func scanList(t *testing.T, list string, args ...string) (reports []detonaut.Report) {
	t.Helper()
	args = append([]string{"scan", "-q", "-o", "json", "--list", list}, args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(testenv.Binaries(t), "detonaut"), args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "DETONAUT_CHAMBER=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &reports)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.Bytes())
	}
	return reports
}

// layout is how a distribution has its trust stores: the files of an image, and
// those of them that are stores.
type layout struct {
	files  map[string]imagetest.File
	stores []string
}

// readLayout reads a file of internal/detonate/testdata/trust.
func readLayout(t *testing.T, name string, contents map[string][]byte) layout {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "internal", "detonate", "testdata", "trust", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "\nwant\n")
	l := layout{files: make(map[string]imagetest.File), stores: strings.Split(strings.TrimSpace(after), "\n")}
	for line := range strings.SplitSeq(before, "\n") {
		place, what, _ := strings.Cut(line, " ")
		target, isLink := strings.CutPrefix(what, "-> ")
		body, known := contents[what]
		switch {
		case line == "" || line[0] == '#':
		case isLink:
			l.add(place, tar.Header{Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}, nil)
		case strings.HasSuffix(place, "/"):
			l.add(place, tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}, nil)
		case !known:
			t.Fatalf("%s: %q is no content", name, what)
		default:
			l.add(place, tar.Header{Mode: 0o644}, body)
		}
	}
	return l
}

// add adds a file and the directories above it.
func (l layout) add(place string, h tar.Header, body []byte) {
	h.Name = strings.Trim(place, "/")
	l.files[h.Name] = imagetest.File{Header: h, Body: body}
	for dir := filepath.Dir(h.Name); dir != "."; dir = filepath.Dir(dir) {
		if _, ok := l.files[dir]; !ok {
			l.files[dir] = imagetest.File{Header: tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}}
		}
	}
}

// image is one with the files of the layout, that asks for url.
func (l layout) image(t *testing.T, client v1.Layer, url string) v1.Image {
	t.Helper()
	var files []imagetest.File
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		files = append(files, l.files[name])
	}
	own, err := imagetest.Layer(files, imagetest.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	img, err := imagetest.New(v1.Config{Entrypoint: []string{"/client", "get", url}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, client, own)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// storeContents are what the files of a layout have, by the name of it there:
// the certificates of this machine, and key stores of Java's own making.
func storeContents(t *testing.T) map[string][]byte {
	t.Helper()
	const place = "/etc/ssl/certs/ca-certificates.crt"
	bundle, err := os.ReadFile(place)
	if err != nil {
		t.Fatalf("read certificates: %v; install ca-certificates", err)
	}
	first, _ := pem.Decode(bundle)
	if first == nil {
		t.Fatalf("%s has no certificates", place)
	}
	one := pem.EncodeToMemory(first)
	commented := bytes.ReplaceAll(bundle, []byte("-----BEGIN"), []byte("\n# Issuer: CN=Főtanúsítvány\n# Serial: 1\n-----BEGIN"))
	return map[string][]byte{
		"bundle": bundle, "one": one, "empty": nil, "comments": commented, "text-dump": commented, "mozilla": commented,
		"trusted": bytes.ReplaceAll(bundle, []byte(" CERTIFICATE-----"), []byte(" TRUSTED CERTIFICATE-----")),
		"jks":     keyStore(t, "JKS", one), "pkcs12": keyStore(t, "PKCS12", one),
		"p11-kit": []byte("# made by p11-kit\n"), "binary": make([]byte, 1000), "program": []byte("\x7fELF"), "text": []byte("a text\n"),
	}
}

// keyStore has Java make a key store of a kind with one certificate.
func keyStore(t *testing.T, kind string, certificate []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "one.pem"), string(certificate))
	file := filepath.Join(dir, "cacerts")
	out, err := exec.CommandContext(t.Context(), "keytool", "-importcert", "-noprompt", "-alias", "one", "-file", filepath.Join(dir, "one.pem"),
		"-keystore", file, "-storetype", kind, "-storepass", "changeit").CombinedOutput()
	if err != nil {
		t.Fatalf("keytool: %v; run testdata/needs.sh test\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
