package inert

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"sync"
	"time"
)

// An Entry is a file of an archive.
type Entry struct {
	Name string
	Body string
	Mode int64 // 0644 if it is 0
}

// stamp is the time of every entry.
var stamp = time.Date(2025, time.March, 11, 9, 26, 53, 0, time.UTC)

// Tar makes a tar archive. Like the others here it panics on what cannot fail:
// all that is written goes to memory.
func Tar(entries ...Entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		mode := e.Mode
		if mode == 0 {
			mode = 0o644
		}
		must(w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: e.Name, Size: int64(len(e.Body)), Mode: mode, ModTime: stamp, Uname: "root", Gname: "root",
		}))
		_, err := w.Write([]byte(e.Body))
		must(err)
	}
	must(w.Close())
	return b.Bytes()
}

// compressors are kept for a while: each has most of a megabyte.
var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// Gzip compresses.
func Gzip(data []byte) []byte {
	var b bytes.Buffer
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	_, err := w.Write(data)
	must(err)
	must(w.Close())
	return b.Bytes()
}

// Tarball is a compressed Tar.
func Tarball(entries ...Entry) []byte { return Gzip(Tar(entries...)) }

// Zip makes a zip archive.
func Zip(entries ...Entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.Name, Method: zip.Deflate, Modified: stamp}
		h.SetMode(0o644)
		f, err := w.CreateHeader(h)
		must(err)
		_, err = f.Write([]byte(e.Body))
		must(err)
	}
	must(w.Close())
	return b.Bytes()
}

// JAR is a Java archive without classes.
func JAR() []byte {
	return Zip(Entry{Name: "META-INF/MANIFEST.MF", Body: "Manifest-Version: 1.0\r\nCreated-By: 17.0.10\r\n\r\n"})
}

// software is what an archive of software holds.
func software(stem string) []Entry {
	stem = safe(stem, "package")
	return []Entry{
		{Name: stem + "/README", Body: "See run.sh.\n"},
		{Name: stem + "/run.sh", Body: Shell, Mode: 0o755},
	}
}

// Deb is a package of Debian without files (deb(5)), named as its file is.
func Deb(file string) []byte {
	name, _, _ := strings.Cut(file, "_")
	control := fmt.Sprintf("Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: Maintainers <root@localhost>\nDescription: files\n", safe(name, "files"))
	b := []byte("!<arch>\n")
	for _, e := range []Entry{
		{Name: "debian-binary", Body: "2.0\n"},
		{Name: "control.tar.gz", Body: string(Tarball(Entry{Name: "./control", Body: control}))},
		{Name: "data.tar.gz", Body: string(Tarball())},
	} {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", e.Name, stamp.Unix(), 0, 0, "100644", len(e.Body), e.Body)
		if len(e.Body)%2 != 0 {
			b = append(b, '\n')
		}
	}
	return b
}

// safe is a name of the subject's as a name in an archive: a short one of
// letters, digits, dots and hyphens, else the other one.
func safe(name, other string) string {
	if name == "" || len(name) > 64 || strings.Trim(name[:1], "-.") == "" {
		return other
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return other
		}
	}
	return name
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("inert: write to memory: %v", err))
	}
}
