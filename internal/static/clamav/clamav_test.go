package clamav_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/clamav"
	"github.com/detonaut/detonaut/internal/static/statictest"
)

// eicar is the test file of eicar.org, which does nothing; in two parts, so that nobody
// takes this file for it.
var eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// largest is what the daemon of the tests takes.
const largest = 1 << 20

// clamd starts a daemon of the test's own, which testdata/needs.sh installs, with
// signatures of its own, and ends it.
func clamd(t testing.TB) clamav.Options {
	t.Helper()
	program, err := exec.LookPath("clamd")
	if err != nil {
		program = "/usr/sbin/clamd"
	}
	dir, err := os.MkdirTemp("", "clamd") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	for name, text := range map[string]string{
		"db/own.ndb": fmt.Sprintf("Unix.Trojan.Harmless-1:0:*:%x\nEicar-Test-Signature:0:0:%x\n", "harmless, but known", eicar),
		"conf": fmt.Sprintf("LocalSocket %s\nDatabaseDirectory %s/db\nTemporaryDirectory %s\nForeground yes\nStreamMaxLength %d\n",
			socket, dir, dir, largest),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "--config-file", filepath.Join(dir, "conf"))
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start clamd, which testdata/needs.sh installs: %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return clamav.Options{Network: "unix", Address: socket}
		}
		select {
		case <-ended:
			t.Fatalf("clamd ended: %s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func open(t *testing.T, o clamav.Options) *clamav.Analyzer {
	t.Helper()
	a, err := clamav.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func file(text string) static.File {
	sum := sha256.Sum256([]byte(text))
	return static.File{
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text)), Type: "text",
		Open: func() (static.Content, error) { return opened{strings.NewReader(text)}, nil },
	}
}

type opened struct{ io.ReaderAt }

func (opened) Close() error { return nil }

// TestReal gives files to a real daemon. Signatures of its own are unofficial to it.
func TestReal(t *testing.T) {
	a := open(t, clamd(t))
	for _, test := range []struct {
		show, text, id string
		severity       detonaut.Severity
	}{
		{"clean", "hello", "", ""},
		{"known", strings.Repeat("x", 300_000) + "harmless, but known", "clamav/unix-trojan-harmless-1-unofficial", detonaut.Medium},
		{"a test file", eicar, "clamav/eicar-test-signature-unofficial", detonaut.Low},
		{"the largest", strings.Repeat("x", largest), "", ""},
	} {
		found, err := a.Analyze(t.Context(), file(test.text))
		switch {
		case err != nil:
			t.Errorf("%s: %v", test.show, err)
		case test.id == "" && len(found) > 0, test.id != "" && (len(found) != 1 || found[0].ID != test.id || found[0].Severity != test.severity):
			t.Errorf("%s: got %+v, want %s", test.show, found, test.id)
		}
	}
	for _, size := range []int{largest + 1, 20 * largest} {
		if found, err := a.Analyze(t.Context(), file(strings.Repeat("x", size))); !errors.Is(err, context.DeadlineExceeded) || len(found) > 0 {
			t.Errorf("%d bytes: got %v, %v, want that they are too many", size, found, err)
		}
	}
	statictest.Run(t, a, []static.File{file("hello"), file("harmless, but known"), file(eicar)})
	if !strings.HasPrefix(a.Version(), "1+1.") || !strings.Contains(a.Version(), "+unknown-") || !strings.Contains(a.Describe(), "without a version") || a.Warning() != "" {
		t.Errorf("it is %s, %s, %s", a.Version(), a.Describe(), a.Warning())
	}
}

// daemon answers each connection as a function does: it is given the command, and the
// reader behind it.
func daemon(t *testing.T, answer func(command string, in *bufio.Reader, conn net.Conn)) clamav.Options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				command, err := in.ReadString(0)
				if err != nil {
					return
				}
				switch command {
				case "zPING\x00":
					_, _ = io.WriteString(conn, "PONG\x00")
				case "zVERSION\x00":
					_, _ = io.WriteString(conn, "ClamAV 1.4.6/27800/Mon Nov 30 08:21:00 2026\x00")
				default:
					answer(command, in, conn)
				}
			})
		}
	})
	return clamav.Options{Network: "tcp", Address: l.Addr().String()}
}

// TestProtocol shows what is sent, chunk by chunk.
func TestProtocol(t *testing.T) {
	text := strings.Repeat("0123456789", 10_000)
	got := make(chan string, 1)
	a := open(t, daemon(t, func(command string, in *bufio.Reader, conn net.Conn) {
		var all bytes.Buffer
		for {
			var n [4]byte
			if _, err := io.ReadFull(in, n[:]); err != nil {
				return
			}
			size := int64(n[0])<<24 | int64(n[1])<<16 | int64(n[2])<<8 | int64(n[3])
			if size == 0 {
				break
			}
			if _, err := io.CopyN(&all, in, size); err != nil {
				return
			}
		}
		got <- command + all.String()
		_, _ = io.WriteString(conn, "stream: Win.Tool.Thing-7 FOUND\x00")
	}))
	found, err := a.Analyze(t.Context(), file(text))
	want := []detonaut.Finding{{
		ID: "clamav/win-tool-thing-7", Title: "Is a hacking tool to ClamAV", Meaning: "ClamAV knows the file, or one of its kind, by a signature.",
		Severity: detonaut.High, Confidence: detonaut.Probable, Category: detonaut.Hacktool, Family: "thing", Count: 1,
		Evidence: []detonaut.Evidence{{Summary: "signature Win.Tool.Thing-7"}},
	}}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if sent := <-got; sent != "zINSTREAM\x00"+text {
		t.Errorf("it was sent %d bytes", len(sent))
	}
	if a.Version() != "1+1.4.6+27800" || a.Describe() != "ClamAV 1.4.6, database 27800 of 2026-11-30" {
		t.Errorf("it is %s, %s", a.Version(), a.Describe())
	}
}

// TestTrouble shows that what is no answer is an error, and never nothing.
func TestTrouble(t *testing.T) {
	for _, test := range []struct {
		show   string
		answer string // after which it hangs up
		late   bool
	}{
		{"hangs up", "", false},
		{"half an answer", "stream: OK", false},
		{"not for a stream", "OK\x00", false},
		{"nonsense", "stream: perhaps\x00", false},
		{"an error", "stream: Can't allocate memory ERROR\x00", false},
		{"too large", "INSTREAM size limit exceeded. ERROR\x00", true},
		{"not all was looked at", "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\x00", true},
		{"no name", "stream:  FOUND\x00", false},
		{"an endless answer", strings.Repeat("x", 100_000), false},
	} {
		a := open(t, daemon(t, func(_ string, _ *bufio.Reader, conn net.Conn) { _, _ = io.WriteString(conn, test.answer) }))
		found, err := a.Analyze(t.Context(), file(strings.Repeat("x", 1<<20)))
		if err == nil || len(found) > 0 || test.late && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, %v", test.show, found, err)
		}
	}
}

// TestSilent shows that nobody waits longer than there is time.
func TestSilent(t *testing.T) {
	hold := make(chan struct{})
	a := open(t, daemon(t, func(string, *bufio.Reader, net.Conn) { <-hold }))
	defer close(hold)
	for _, size := range []int{1, 64 << 20} { // what fits into the socket, and what does not
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := a.Analyze(ctx, file(strings.Repeat("x", size))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d bytes: got %v", size, err)
		}
		cancel()
	}
}

// TestConnections bounds how many files it is given at once.
func TestConnections(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	o := daemon(t, func(_ string, in *bufio.Reader, conn net.Conn) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		_, _ = in.Peek(4)
		mu.Lock()
		now--
		mu.Unlock()
		_, _ = io.WriteString(conn, "stream: OK\x00")
	})
	o.Connections = 2
	a := open(t, o)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := a.Analyze(t.Context(), file("x")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most > 2 {
		t.Errorf("it was given %d files at once", most)
	}
}

// TestGone shows that a daemon that went away is an error for each file, and is not
// asked forever.
func TestGone(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, answer := range []string{"PONG\x00", "ClamAV 1.0\x00"} {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString(0)
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	a := open(t, clamav.Options{Network: "unix", Address: l.Addr().String()})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err = a.Analyze(t.Context(), file("x")); err == nil {
			t.Fatal("it answered")
		}
	}
	if !strings.Contains(err.Error(), "cannot be reached any more: start clamd") {
		t.Errorf("got %v", err)
	}
}

func TestOpen(t *testing.T) {
	if _, err := clamav.Open(t.Context(), clamav.Options{Network: "unix", Address: "/no/such/socket"}); err == nil || !strings.Contains(err.Error(), "say with clamav.address where it is") {
		t.Errorf("got %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 mail.example ESMTP\r\n\x00")
			_ = conn.Close()
		}
	}()
	if _, err := clamav.Open(t.Context(), clamav.Options{Network: "tcp", Address: l.Addr().String()}); err == nil || !strings.Contains(err.Error(), "not understood") && !strings.Contains(err.Error(), "reset") {
		t.Errorf("of another service: got %v", err)
	}
}

func TestWarning(t *testing.T) {
	o := daemon(t, nil)
	for days, warns := range map[int]bool{0: false, 7: false, 9: true} {
		o.Now = func() time.Time { return time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days) }
		if got := open(t, o).Warning(); (got != "") != warns || warns && !strings.Contains(got, "of 2026-11-30: run freshclam") {
			t.Errorf("after %d days: got %q", days, got)
		}
	}
}

func Benchmark(b *testing.B) {
	a, err := clamav.Open(b.Context(), clamd(b))
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{16_000, 1_000_000} {
		f := file(strings.Repeat("0123456789abcde\n", size/16))
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(f.Size)
			for range b.N {
				if _, err := a.Analyze(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
