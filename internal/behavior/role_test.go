package behavior_test

import (
	"fmt"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

func TestRole(t *testing.T) {
	for _, tc := range []struct {
		executable string
		args       []string
		want       string
	}{
		{"/usr/bin/dash", []string{"sh"}, behavior.Shell},
		{"/bin/busybox", []string{"/bin/wget", "-q"}, behavior.Downloader},
		{"/usr/bin/x86_64-linux-gnu-gcc-14", []string{"gcc"}, behavior.Compiler},
		{"/usr/bin/arm-linux-gnueabihf-ld.bfd", []string{"ld"}, behavior.Compiler},
		{"/usr/lib/gcc/x86_64-linux-gnu/14/cc1", []string{"cc1"}, behavior.Compiler},
		{"/usr/bin/python3.13", []string{"python3", "app.py"}, behavior.Interpreter},
		{"/usr/bin/python3.13", []string{"python3"}, behavior.Interpreter},
		{"/usr/bin/python3.13", []string{"python3", "-Im", "ensurepip"}, behavior.PackageManager},
		{"/usr/bin/python3.13", []string{"python3", "-m", "pip", "install"}, behavior.PackageManager},
		{"/usr/bin/python3.13", []string{"python3", "/tmp/x/pip/__pip-runner__.py"}, behavior.PackageManager},
		{"/usr/bin/python3.13", []string{"python3", "-c", "pip"}, behavior.Interpreter},
		{"/usr/bin/python3.13", []string{"python3", "-m"}, behavior.Interpreter},
		{"/usr/bin/python3.13", []string{"python3", "-", ""}, behavior.Interpreter},
		{"/usr/bin/pip3.13", []string{"/usr/bin/python3", "/usr/bin/pip3.13"}, behavior.PackageManager},
		{"/usr/bin/node", []string{"node", "/usr/share/nodejs/npm/bin/npm-cli.js", "install"}, behavior.PackageManager},
		{"/usr/bin/node", []string{"node", "--require", "/srv/server.js"}, behavior.Interpreter},
		{"/usr/bin/php8.4", []string{"php", "/usr/bin/composer", "install"}, behavior.PackageManager},
		{"/usr/sbin/php-fpm8.4", []string{"php-fpm"}, ""},
		{"/usr/sbin/nginx", nil, ""},
	} {
		e := exec(7, 0, tc.executable)
		e.Process.Args = tc.args
		var last last
		run(t, whole(tape.End{}, e), &last)
		if got := last.process.Role(); got != tc.want {
			t.Errorf("role of %s %q = %q, want %q", tc.executable, tc.args, got, tc.want)
		}
	}
}

// last remembers who did what the run did last, and who made its program then.
type last struct {
	process *behavior.Process
	maker   string
}

func (l *last) Observe(m behavior.Moment) {
	if m.Event.PID != 0 {
		l.process, l.maker = m.Process, m.Process.Maker
	}
}

func (*last) Conclude() (findings []detonaut.Finding, gaps []string) { return nil, nil }

func TestMaker(t *testing.T) {
	file := func(kind tape.Kind, pid int32, path, target string) *tape.Event {
		return &tape.Event{Kind: kind, PID: pid, File: &tape.File{Path: path, Target: target, Flags: "O_WRONLY|O_CREAT"}}
	}
	runs := func(path string) *tape.Event {
		e := exec(9, 0, path)
		e.Process.Origin = tape.FromWritten
		return e
	}
	dpkg, script := exec(1, 0, "/usr/bin/dpkg"), exec(2, 1, "/var/lib/dpkg/info/a.postinst")
	for _, tc := range []struct {
		name   string
		events []*tape.Event
		want   string
	}{
		{"a compiler makes it", []*tape.Event{exec(1, 0, "/usr/bin/ld"), file(tape.FileCreate, 1, "/a", ""), runs("/a")}, behavior.Compiler},
		{"and somebody writes over it", []*tape.Event{
			exec(1, 0, "/usr/bin/ld"), file(tape.FileCreate, 1, "/a", ""), exec(2, 0, "/app"), file(tape.FileOpen, 2, "/a", ""), runs("/a"),
		}, ""},
		{"the script of a package moves it", []*tape.Event{
			dpkg, fork(1, 2), script, file(tape.FileCreate, 2, "/a.new", ""), file(tape.FileRename, 2, "/a.new", "/a"), runs("/a"),
		}, behavior.PackageManager},
		{"what was fetched is moved by somebody else", []*tape.Event{
			exec(1, 0, "/usr/bin/curl"), file(tape.FileCreate, 1, "/a.part", ""), exec(2, 0, "/usr/bin/mv"), file(tape.FileRename, 2, "/a.part", "/a"), runs("/a"),
		}, behavior.Downloader},
		{"it is deleted and made again", []*tape.Event{
			exec(1, 0, "/usr/bin/ld"), file(tape.FileCreate, 1, "/a", ""), exec(2, 0, "/app"), file(tape.FileDelete, 2, "/a", ""), runs("/a"),
		}, ""},
		{"the image has it", []*tape.Event{exec(1, 0, "/usr/bin/ld"), file(tape.FileCreate, 1, "/a", ""), exec(9, 0, "/a")}, ""},
	} {
		var last last
		run(t, whole(tape.End{}, tc.events...), &last)
		if last.maker != tc.want {
			t.Errorf("%s: maker = %q, want %q", tc.name, last.maker, tc.want)
		}
	}
}

// What makers are remembered by is bounded: the oldest files are forgotten.
func TestMakersAreBounded(t *testing.T) {
	const files = 300_000
	var last last
	a := behavior.NewAnalysis(&last)
	record := func(e *tape.Event) {
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	record(exec(1, 0, "/usr/bin/ld"))
	for i := range files {
		record(&tape.Event{Kind: tape.FileCreate, PID: 1, File: &tape.File{Path: fmt.Sprint("/build/", i)}})
	}
	for i, want := range map[int]string{0: "", files - 1: behavior.Compiler} {
		e := exec(2, 0, fmt.Sprint("/build/", i))
		e.Process.Origin = tape.FromWritten
		record(e)
		if last.maker != want {
			t.Errorf("maker of file %d = %q, want %q", i, last.maker, want)
		}
	}
}
