package imagetest_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/detonaut/detonaut/internal/image/imagetest"
)

const text = `PLATFORM linux/arm64/v8
ENTRYPOINT ["/bin/app", "-x"]
CMD echo hello
ENV A=b
ENV C=d e
USER 1000:1000
WORKDIR /srv
EXPOSE 80/tcp
LABEL k=v
-- /etc/passwd --
root:x:0:0::/:/bin/sh
-- /srv/ 0700 1000:1000 --
-- /bin/app 4755 user.mark=x --
hi
-- /bin/sh -> app --
-- /bin/cp => /bin/app --
-- /dev/null c 1:3 0666 --
-- LAYER zstd --
-- whiteout /etc/passwd --
-- opaque /srv --
-- LAYER plain --
-- ../escape --
`

func TestFromTxtar(t *testing.T) {
	img := imagetest.Image(t, text)
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/bin/app", "-x"}, Cmd: []string{"/bin/sh", "-c", "echo hello"},
		Env: []string{"A=b", "C=d e"}, User: "1000:1000", WorkingDir: "/srv",
		ExposedPorts: map[string]struct{}{"80/tcp": {}}, Labels: map[string]string{"k": "v"},
	}
	if diff := cmp.Diff(want, c.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if got := c.Platform().String(); got != "linux/arm64/v8" {
		t.Errorf("platform = %s, want linux/arm64/v8", got)
	}
	wantFiles := [][]string{
		{
			"0 etc/passwd 644 0:0 22", "5 srv/ 700 1000:1000 0", "0 bin/app 4755 0:0 3 user.mark=x",
			"2 bin/sh 777 0:0 0 -> app", "1 bin/cp 644 0:0 0 -> bin/app", "3 dev/null 666 0:0 0",
		},
		{"0 etc/.wh.passwd 0 0:0 0", "0 srv/.wh..wh..opq 0 0:0 0"},
		{"0 ../escape 644 0:0 0"},
	}
	if diff := cmp.Diff(wantFiles, list(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got, want := digest(t, img), digest(t, imagetest.Image(t, text)); got != want {
		t.Errorf("digest of the same text = %s, then %s", got, want)
	}
}

func TestFromTxtarRefuses(t *testing.T) {
	for _, text := range []string{
		"RUN make\n", "ENTRYPOINT [1]\n", "-- /a zz --\n", "-- /a -> --\n", "-- /a c x --\n", "-- LAYER brotli --\n",
	} {
		if _, err := imagetest.FromTxtar(text); err == nil {
			t.Errorf("FromTxtar(%q) made an image", text)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	img := imagetest.Image(t, "CMD [\"/a\"]\n-- /a 0755 --\nx\n")
	if err := imagetest.WriteOCIDir(img, filepath.Join(dir, "oci")); err != nil {
		t.Fatal(err)
	}
	if err := imagetest.WriteOCIDir(img, filepath.Join(dir, "oci")); err != nil {
		t.Fatal("write it again: ", err)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, "oci"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Manifests) != 1 || m.Manifests[0].Digest.String() != digest(t, img) {
		t.Errorf("layout has %v, want one image %s", m.Manifests, digest(t, img))
	}

	archive := filepath.Join(dir, "app.tar")
	if err := imagetest.WriteDockerArchive(img, "app:latest", archive); err != nil {
		t.Fatal(err)
	}
	saved, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list(t, img), list(t, saved)); diff != "" {
		t.Errorf("files in the docker archive (-want +got):\n%s", diff)
	}

	if err := imagetest.WriteOCIArchive(img, filepath.Join(dir, "oci.tar")); err != nil {
		t.Fatal(err)
	}
	again, err := imagetest.FromTar(filepath.Join(dir, "oci.tar"), v1.Config{}, v1.Platform{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(list(t, again)[0], "\n"); !strings.Contains(got, "oci-layout") || !strings.Contains(got, "index.json") {
		t.Errorf("OCI archive holds\n%s", got)
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, ".oci-archive-*")); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFromHost(t *testing.T) {
	img, err := imagetest.FromDir("testdata/root", v1.Config{}, v1.Platform{})
	if err != nil {
		t.Fatal(err)
	}
	img, err = imagetest.AddFile(img, "/bin/app", "testdata/root/hello.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := list(t, img)
	for _, files := range got {
		for i := range files { // the modes of a checkout follow its umask
			files[i] = strings.NewReplacer(" 664 ", " 644 ", " 600 ", " 644 ", " 775 ", " 755 ", " 700 ", " 755 ").Replace(files[i])
		}
	}
	want := [][]string{{"5 etc/ 755 0:0 0", "0 etc/motd 644 0:0 8", "0 hello.txt 644 0:0 6"}, {"0 bin/app 755 0:0 6"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// list returns one line a file, in one list a layer.
func list(t *testing.T, img v1.Image) (layers [][]string) {
	t.Helper()
	ls, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range ls {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		tr := tar.NewReader(r)
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf("%c %s %o %d:%d %d", h.Typeflag, h.Name, h.Mode, h.Uid, h.Gid, h.Size)
			if h.Linkname != "" {
				line += " -> " + h.Linkname
			}
			if v := h.PAXRecords["SCHILY.xattr.user.mark"]; v != "" {
				line += " user.mark=" + v
			}
			files = append(files, line)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		layers = append(layers, files)
	}
	return layers
}
