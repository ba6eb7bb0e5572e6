package zipaes_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/zipaes"
)

const password = "infected"

// contents are files by name: nothing, little, much that is alike, and much that is not.
func contents() map[string][]byte {
	noise := make([]byte, 300_001)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise) // it never fails
	return map[string][]byte{
		"empty": {}, "payloads/one": []byte("x"), "payloads/text": bytes.Repeat([]byte("harmless payload\n"), 100_000),
		"payloads/noise": noise, "é\u202e.bin": []byte("\x7fELF inert"),
	}
}

func archive(t testing.TB, password string, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zipaes.NewWriter(&b, password)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		// In odd pieces: nothing may depend on how it comes.
		for rest := files[name]; len(rest) > 0; {
			n := min(len(rest), 777)
			if _, err := f.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var errPassword, errMAC = errors.New("wrong password"), errors.New("wrong authentication code")

// read is a reader of AE-2, made from the specification, one step after the other.
func read(f *zip.File, password string) ([]byte, error) {
	if f.Method != 99 || f.Flags&1 == 0 || f.CRC32 != 0 || !bytes.Equal(f.Extra, []byte{1, 0x99, 7, 0, 2, 0, 'A', 'E', 3, 8, 0}) {
		return nil, fmt.Errorf("not of AE-2: %+v", f.FileHeader)
	}
	r, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	salt, check, body, code := all[:16], all[16:18], all[18:len(all)-10], all[len(all)-10:]
	keys, err := pbkdf2.Key(sha1.New, password, salt, 1000, 66)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(keys[64:], check) {
		return nil, errPassword
	}
	mac := hmac.New(sha1.New, keys[32:64])
	mac.Write(body)
	if !bytes.Equal(mac.Sum(nil)[:10], code) {
		return nil, errMAC
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, err
	}
	for i := range body {
		number := i/16 + 1
		in, out := make([]byte, 16), make([]byte, 16)
		for j := range 8 {
			in[j] = byte(number >> (8 * j))
		}
		block.Encrypt(out, in)
		body[i] ^= out[i%16]
	}
	content, err := io.ReadAll(flate.NewReader(bytes.NewReader(body)))
	if err == nil && uint64(len(content)) != f.UncompressedSize64 {
		err = fmt.Errorf("%d bytes, and the archive tells of %d", len(content), f.UncompressedSize64)
	}
	return content, err
}

func open(t *testing.T, b []byte) *zip.Reader {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRead(t *testing.T) {
	files := contents()
	r := open(t, archive(t, password, files))
	if len(r.File) != len(files) {
		t.Errorf("%d files, want %d", len(r.File), len(files))
	}
	for _, f := range r.File {
		got, err := read(f, password)
		if err != nil || !bytes.Equal(got, files[f.Name]) {
			t.Errorf("%s: got %d bytes, %v, want %d", f.Name, len(got), err, len(files[f.Name]))
		}
		if f.Mode() != 0o600 {
			t.Errorf("%s: mode %v", f.Name, f.Mode())
		}
	}
	if _, err := read(r.File[0], "guess"); !errors.Is(err, errPassword) {
		t.Errorf("another password: got %v", err)
	}
}

// A change anywhere in a content is told by its code.
func TestChanged(t *testing.T) {
	b := archive(t, password, map[string][]byte{"x": []byte("harmless")})
	at, err := open(t, b).File[0].DataOffset()
	if err != nil {
		t.Fatal(err)
	}
	b[at+18] ^= 1
	if _, err := read(open(t, b).File[0], password); !errors.Is(err, errMAC) {
		t.Errorf("got %v", err)
	}
}

// What is in a file, and its sum, cannot be seen in the archive; and no two are alike.
func TestHidden(t *testing.T) {
	content := []byte("no scanner may find this signature of nothing")
	one, two := archive(t, password, map[string][]byte{"x": content}), archive(t, password, map[string][]byte{"x": content})
	if bytes.Contains(one, content[:8]) || bytes.Equal(one, two) {
		t.Error("the content can be seen")
	}
}

// Others read it: with the password, and without it not.
func TestOtherReaders(t *testing.T) {
	files := contents()
	name := filepath.Join(t.TempDir(), "payloads.zip")
	if err := os.WriteFile(name, archive(t, password, files), 0o600); err != nil {
		t.Fatal(err)
	}
	for program, unpack := range map[string]func(password, dir string) *exec.Cmd{
		"bsdtar": func(password, dir string) *exec.Cmd {
			return exec.CommandContext(t.Context(), "bsdtar", "--passphrase", password, "-C", dir, "-xf", name)
		},
		// From a pipe, without the list at the end.
		"bsdtar, streamed": func(password, dir string) *exec.Cmd {
			return exec.CommandContext(t.Context(), "sh", "-c", `cat "$1" | bsdtar --passphrase "$2" -C "$3" -xf -`, "sh", name, password, dir)
		},
		"7z": func(password, dir string) *exec.Cmd {
			return exec.CommandContext(t.Context(), "7z", "x", "-y", "-p"+password, "-o"+dir, name)
		},
	} {
		dir := t.TempDir()
		cmd := unpack(password, dir)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s (of the packages libarchive-tools, p7zip-full): %v: %s", program, err, out)
			continue
		}
		for path, want := range files {
			if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s: got %d bytes, %v, want %d", program, path, len(got), err, len(want))
			}
		}
		if out, err := unpack("guess", t.TempDir()).CombinedOutput(); err == nil {
			t.Errorf("%s unpacks it with another password: %s", program, out)
		}
	}
}

func TestNames(t *testing.T) {
	w := zipaes.NewWriter(io.Discard, password)
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../x", "a//x", "x/", `a\x`, "c:x", "a\x00", strings.Repeat("x", 1<<16), "\xff"} {
		if _, err := w.Create(name); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%.20q: got %v", name, err)
		}
	}
}

// A file that has ended takes nothing more.
func TestEnded(t *testing.T) {
	w := zipaes.NewWriter(io.Discard, password)
	f, err := w.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create("b"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("it does")
	}
}

// full takes so many bytes.
type full struct{ left int }

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// Wherever the other side ends, it is an error.
func TestWriteFails(t *testing.T) {
	noise := contents()["payloads/noise"]
	for _, room := range []int{0, 10, 100, 100_000, 300_100} {
		w := zipaes.NewWriter(&full{room}, password)
		f, err := w.Create("x")
		if err == nil {
			_, err = f.Write(noise)
		}
		if err = errors.Join(err, w.Close()); !errors.Is(err, errFull) {
			t.Errorf("%d bytes: got %v", room, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise) // it never fails
	b.SetBytes(int64(len(noise)))
	w := zipaes.NewWriter(io.Discard, password)
	f, err := w.Create("x")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := f.Write(noise); err != nil {
			b.Fatal(err)
		}
	}
}
