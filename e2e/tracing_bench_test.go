//go:build linux

package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// workloads are what programs of Debian do with all their might: a command of
// the shell each.
var workloads = []struct{ name, command string }{
	{"files", "find /usr -type f -size -32k | head -n 3000 | xargs cat | wc -c"}, // 3,000 files
	{"compile", "cd /tmp && gcc -O1 -o program /bench/one.c /bench/two.c && ./program && rm program"},
	{"python", "python3 /bench/loop.py"},
	{"dd", "dd if=/dev/zero of=/dev/null bs=1 count=30000"},
	{"forks", "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done"},
	{"nginx", "/load serve 3000 http://127.0.0.1:8080/ nginx -c /bench/nginx.conf"},
	{"sqlite", "rm -f /var/tmp/base; sqlite3 /var/tmp/base </bench/insert.sql"},
}

// materials are the files that the workloads need besides Debian's.
func materials() map[string]string {
	return map[string]string{
		"bench/one.c": source(1, "int two(int); int main(void) { printf(\"%d\\n\", one(7) + two(7)); return 0; }"),
		"bench/two.c": source(2, ""),
		// 3 million turns
		"bench/loop.py": "x = 0\nfor i in range(3000000):\n    x = (x + i * i) % 1000003\nprint(x)\n",
		"bench/nginx.conf": "user root; daemon off; worker_processes 2; pid /tmp/nginx.pid; error_log stderr; events {}\n" +
			"http { access_log /tmp/access.log; server { listen 127.0.0.1:8080; root /usr/share/nginx/html; } }\n",
		// Each transaction is written to the disk, with a journal that is deleted.
		"bench/insert.sql": "create table t (id integer primary key, name text, value real);\n" +
			strings.Repeat("begin;"+strings.Repeat("insert into t (name, value) values (hex(randomblob(20)), random());", 10)+"commit;\n", 500) +
			"select count(*) from t;\n",
	}
}

// source is a C file with a hundred functions, each called once.
func source(number int, rest string) string {
	var b strings.Builder
	b.WriteString("#include <ctype.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <time.h>\n#include <unistd.h>\n")
	calls := "x"
	for i := range 100 {
		fmt.Fprintf(&b, "static int f%d(int x) { char s[64]; for (int i = 0; i < %d; i++) { x = x * 31 + i; "+
			"switch (x %% 5) { case 0: x ^= %d; break; case 1: x += (int)strlen(s); break; default: snprintf(s, sizeof s, \"%%d\", x); } } return x; }\n", i, i+2, i)
		calls = fmt.Sprintf("f%d(%s)", i, calls)
	}
	fmt.Fprintf(&b, "int %s(int x) { return %s; }\n%s\n", []string{"", "one", "two"}[number], calls, rest)
	return b.String()
}

// A workshop is a Debian with the materials, as an image and as a directory of
// this machine, in namespaces of its own.
type workshop struct {
	bin, dir string
	img      *image.Image
	holder   int // a process in the namespaces
}

func newWorkshop(b *testing.B) *workshop {
	b.Helper()
	w := &workshop{bin: testenv.Binaries(b), dir: filepath.Join(b.TempDir(), "root")}
	root, load := testenv.DebianTools(b), testenv.Program(b, "./e2e/load")
	debian, err := imagetest.TarLayer(root)
	must(b, err)
	files := []imagetest.File{{Header: tar.Header{Name: "bench/", Typeflag: tar.TypeDir, Mode: 0o755}}}
	for name, text := range materials() {
		files = append(files, imagetest.File{Header: tar.Header{Name: name, Mode: 0o644}, Body: []byte(text)})
	}
	own, err := imagetest.Layer(files, imagetest.Gzip)
	must(b, err)
	img, err := imagetest.New(v1.Config{Cmd: []string{"true"}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, debian, own)
	must(b, err)
	img, err = imagetest.AddFile(img, "/load", load)
	must(b, err)
	oci := filepath.Join(b.TempDir(), "oci")
	must(b, imagetest.WriteOCIDir(img, oci))
	w.img, err = image.Pull(b.Context(), detonaut.Ref("oci-dir:"+oci), image.Options{CacheDir: b.TempDir()})
	must(b, err)
	b.Cleanup(func() { w.img.Close() })
	w.unpack(b, root, load)
	w.hold(b)
	return w
}

// unpack makes the directory.
func (w *workshop) unpack(b *testing.B, root, load string) {
	b.Helper()
	must(b, os.Mkdir(w.dir, 0o755))
	quietly(b, exec.CommandContext(b.Context(), "tar", "-xzf", root, "-C", w.dir, "--exclude=./dev/*"))
	quietly(b, exec.CommandContext(b.Context(), "cp", load, filepath.Join(w.dir, "load")))
	must(b, os.Mkdir(filepath.Join(w.dir, "bench"), 0o755))
	for name, text := range materials() {
		must(b, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644))
	}
}

// hold furnishes the namespaces, which are there until b ends.
func (w *workshop) hold(b *testing.B) {
	b.Helper()
	const furnish = `ip link set lo up
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs "$0/tmp"
echo
exec cat`
	holder := exec.CommandContext(b.Context(), "sh", "-ec", furnish, w.dir)
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		holder.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		holder.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		holder.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	in, err := holder.StdinPipe()
	must(b, err)
	out, err := holder.StdoutPipe()
	must(b, err)
	holder.Stderr = os.Stderr
	must(b, holder.Start())
	b.Cleanup(func() { in.Close(); holder.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		b.Fatalf("furnish the namespaces: %v", err)
	}
	w.holder = holder.Process.Pid
}

func quietly(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// native runs a command of the shell in the directory, under another program if
// before is not empty.
func (w *workshop) native(b *testing.B, command string, before ...string) float64 {
	b.Helper()
	args := append([]string{"--target", strconv.Itoa(w.holder), "--all", "--"}, before...)
	args = append(args, "chroot", w.dir, "/bin/sh", "-c", command)
	cmd := exec.CommandContext(b.Context(), "nsenter", args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	return cpu(b, cmd)
}

// inside runs a command of the shell in the chamber. All that it leaves is
// handed over, as in a scan, but for a run that is not recorded.
func (w *workshop) inside(b *testing.B, command string, detail plan.Detail, args ...string) float64 {
	b.Helper()
	fsys, err := w.img.FS()
	must(b, err)
	p, err := detonate.NewPlan(w.img.Image, fsys, detonate.Overrides{Entrypoint: []string{"/bin/sh", "-c", command}, Detail: detail})
	must(b, err)
	p.Image = w.img.Root
	in, err := json.Marshal(p)
	must(b, err)
	cmd := exec.CommandContext(b.Context(), filepath.Join(w.bin, "detonaut-chamber"), append([]string{"run"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	if detail != plan.Untraced {
		r, theirs, err := os.Pipe()
		must(b, err)
		defer r.Close()
		defer theirs.Close()
		cmd.Args = append(cmd.Args, "-artifacts", "3")
		cmd.ExtraFiles = []*os.File{theirs}
		go func() { _, _ = io.Copy(io.Discard, r) }()
	}
	ended := make(chan *tape.End, 1)
	read, write := io.Pipe()
	go func() { ended <- lastOf(read) }()
	cmd.Stdout = write
	used := cpu(b, cmd)
	write.Close()
	if end := <-ended; end == nil || end.Reason != tape.Exited || end.ExitCode != 0 || end.Dropped != 0 {
		b.Fatalf("%s: it ended with %+v", command, end)
	}
	return used
}

// lastOf reads a tape to its end, and returns that; nil if there is none.
func lastOf(r io.Reader) *tape.End {
	d := tape.NewDecoder(r)
	for {
		e, err := d.Next()
		if err != nil {
			_, _ = io.Copy(io.Discard, r)
			return nil
		}
		if e.End != nil {
			return e.End
		}
	}
}

// BenchmarkTracing compares a recorded run with the same run unrecorded,
// natively, under strace, and with gVisor's own strace log.
func BenchmarkTracing(b *testing.B) {
	w := newWorkshop(b)
	log := filepath.Join(b.TempDir(), "log")
	variants := []struct {
		name string
		run  func(command string) float64
	}{
		{"native", func(command string) float64 { return w.native(b, command) }},
		{"strace-f", func(command string) float64 { return w.native(b, command, "strace", "-f", "-o", log) }},
		{"untraced", func(command string) float64 { return w.inside(b, command, plan.Untraced) }},
		{"normal", func(command string) float64 { return w.inside(b, command, plan.Normal) }},
		{"full", func(command string) float64 { return w.inside(b, command, plan.Full) }},
		{"gvisor-strace", func(command string) float64 {
			return w.inside(b, command, plan.Untraced, "-debug-log", log+"-gvisor", "-strace")
		}},
	}
	t := newSheet("what", "native", "`strace -f`", "gVisor, not recorded", "normal", "full", "gVisor's strace log",
		"normal / not recorded", "full / not recorded", "its strace log / not recorded", "`strace -f` / native")
	for _, load := range workloads {
		b.Run(load.name, func(b *testing.B) {
			figures := make(map[string][]float64)
			for b.Loop() {
				for range rounds {
					for _, v := range variants {
						figures[v.name] = append(figures[v.name], v.run(load.command))
						for _, f := range []string{log, log + "-gvisor"} {
							os.Remove(f)
						}
					}
				}
			}
			var row []float64
			for _, v := range variants {
				b.ReportMetric(median(figures[v.name]), v.name+"-cpu-s")
				row = append(row, median(figures[v.name]))
			}
			normal, full := ratio(figures["normal"], figures["untraced"]), ratio(figures["full"], figures["untraced"])
			within(b, "normal/untraced", normal, 1.25, "x")
			within(b, "full/untraced", full, 1.5, "x")
			t.row(load.name, append(row, normal, full, ratio(figures["gvisor-strace"], figures["untraced"]), ratio(figures["strace-f"], figures["native"]))...)
		})
	}
	t.publish(b, "tracing")
}

// ratio is the median of the ratios of runs that followed each other.
func ratio(a, b []float64) float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return median(r)
}
