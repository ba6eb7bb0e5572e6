// Command evade hides itself, or what it did, in one way: its argument names the way.
// What it hides does nothing, and what it deletes it has made itself.
//
// Rule: those of defense-evasion.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

var ways = map[string]func(context.Context) error{
	"code":    code,
	"copy":    func(ctx context.Context) error { return copyAs(ctx, "/opt/helper", "/opt/helper") },
	"device":  func(context.Context) error { return leave("/dev/.lib/data") },
	"dots":    func(context.Context) error { return leave("/var/tmp/.../data") },
	"hidden":  func(ctx context.Context) error { return drop(ctx, "/opt/.helper") },
	"itself":  itself,
	"logs":    logs,
	"name":    func(ctx context.Context) error { return copyAs(ctx, "/opt/app/crond", "/usr/sbin/crond") },
	"picture": func(ctx context.Context) error { return drop(ctx, "/opt/logo.png") },
	"process": func(context.Context) error { return cover() },
	"ring":    func(context.Context) error { return ring() },
	"thread":  func(context.Context) error { return rename("kworker/0:1") },
	"trace":   func(context.Context) error { return trace() },
	"wait":    wait,
}

func main() { stage.Play(evade) }

func evade(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	return stage.OneOf(ways)(ctx)
}

// leave makes a file and the directory that it is in.
func leave(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, payload.Text(path), 0o600)
}

// drop writes a program and runs it.
func drop(ctx context.Context, path string) error {
	program, err := payload.Program(path)
	if err != nil {
		return err
	}
	if err := install(path, program); err != nil {
		return err
	}
	return payload.Run(ctx, path)
}

// copyAs runs a copy of this program that goes by a name.
func copyAs(ctx context.Context, path, name string) error {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := install(path, program); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, "payload")
	cmd.Args[0] = name
	return cmd.Run()
}

func install(path string, program []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, program, 0o755)
}

// itself removes the program that it is.
func itself(context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Remove(self)
}

// logs empties the record of logins, of which there is none but its own.
func logs(context.Context) error {
	const record = "/var/log/wtmp"
	if err := leave(record); err != nil {
		return err
	}
	return os.Truncate(record, 0)
}

// cover mounts a directory over the entry of this process, if it may.
func cover() error {
	err := unix.Mount("/tmp", fmt.Sprintf("/proc/%d", os.Getpid()), "", unix.MS_BIND, "")
	fmt.Println("mount:", err)
	return nil
}

// ring asks for calls that go by another way.
func ring() error {
	_, _, err := unix.Syscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
	fmt.Println("io_uring:", err)
	return nil
}

func rename(name string) error {
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(b)), 0, 0, 0)
}

// trace asks to be traced, and ends before anybody would have to.
func trace() error {
	_, _, err := unix.Syscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0)
	fmt.Println("ptrace:", err)
	return nil
}

// code has a page that is writable and code, and does not run it.
func code(context.Context) error {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return unix.Munmap(page)
}

// wait sleeps for hours, and calls a stranger then. A timer of Go's would not be seen
// as a sleep.
func wait(ctx context.Context) error {
	long := unix.NsecToTimespec((2 * time.Hour).Nanoseconds())
	if err := unix.Nanosleep(&long, nil); err != nil {
		return err
	}
	// It is later than a deed may last, and clocks that are moved on may end any wait:
	// that it called is what counts.
	var d net.Dialer
	conn, err := d.DialContext(context.WithoutCancel(ctx), "tcp", wire.Stranger+":8443")
	if err != nil {
		fmt.Println("nobody answers:", err)
		return nil
	}
	return conn.Close()
}
