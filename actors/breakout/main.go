// Command breakout tries one way out of a container, or to more rights: its argument
// names the way. None can succeed: the kernel of the sandbox is no host's, there
// is neither a disk nor an engine, and what is written is a word.
//
// Rule: those of privilege-escalation.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

// ways do their deed, and say what came of it. An error of the kernel's is what is
// expected of most.
var ways = map[string]func() error{
	"agent":     func() error { return write("/sys/fs/cgroup/release_agent") },
	"climb":     climb,
	"disk":      func() error { return unix.Mount("/dev/sda1", "/mnt", "ext4", 0, "") },
	"enter":     enter,
	"engine":    engine,
	"exe":       func() error { return write("/proc/self/exe") },
	"groups":    func() error { return unix.Mount("cgroup", "/tmp/groups", "cgroup", 0, "memory") },
	"handle":    handle,
	"handler":   func() error { return write("/proc/sys/kernel/core_pattern") },
	"host":      func() error { return write("/host/etc/cron.d/updater") },
	"look":      look,
	"module":    func() error { return unix.InitModule([]byte("no module"), "") },
	"namespace": namespace,
	"node":      func() error { return unix.Mknod("/tmp/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 1))) },
	"notify":    func() error { return write("/sys/fs/cgroup/notify_on_release") },
	"pkexec":    func() error { return unix.Exec("/usr/bin/pkexec", nil, os.Environ()) },
	"root":      func() error { return unix.Chroot("/host") },
	"setuid":    setuid,
	"surface":   surface,
	"unload":    func() error { return unix.DeleteModule("falco_probe", unix.O_NONBLOCK) },
}

func main() { stage.Play(try) }

func try(context.Context) error {
	if len(os.Args) != 2 || ways[os.Args[1]] == nil {
		return errors.New("usage: breakout WAY")
	}
	fmt.Printf("%s: %v\n", os.Args[1], ways[os.Args[1]]())
	return nil
}

// write writes a word to what may be there.
func write(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("updater")
	return err
}

// climb locks itself in and gets out again.
func climb() error {
	outside, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if err := os.Mkdir("/tmp/jail", 0o755); err != nil {
		return err
	}
	return errors.Join(unix.Chroot("/tmp/jail"), unix.Fchdir(outside), unix.Chroot("."))
}

// enter goes where the first process is, which is here.
func enter() error {
	space, err := unix.Open("/proc/1/ns/uts", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	f, err := os.Create("/proc/1/root/tmp/updater")
	if err == nil {
		err = f.Close()
	}
	return errors.Join(unix.Setns(space, unix.CLONE_NEWUTS), unix.Close(space), err)
}

// look looks at a file of the first process.
func look() error {
	_, err := os.ReadFile("/proc/1/root/etc/passwd")
	return err
}

func engine() error {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(context.Background(), "unix", "/var/run/docker.sock")
	if err != nil {
		return err
	}
	return conn.Close()
}

// handle asks for the root of a file system by its number.
func handle() error {
	_, err := unix.OpenByHandleAt(unix.AT_FDCWD, unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0}), unix.O_RDONLY)
	return err
}

// namespace makes a user namespace and asks for the tables of its firewall.
func namespace() error {
	err := unix.Unshare(unix.CLONE_NEWUSER | unix.CLONE_NEWNET)
	fd, e := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER)
	if e == nil {
		e = unix.Close(fd)
	}
	return errors.Join(err, e)
}

// surface asks for several things that few programs need.
func surface() error {
	_, _, userfault := unix.Syscall(unix.SYS_USERFAULTFD, 0, 0, 0)
	_, _, perf := unix.Syscall6(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0, 0)
	_, key := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	_, _, tree := unix.Syscall(unix.SYS_FSOPEN, 0, 0, 0)
	return errors.Join(userfault, perf, key, tree)
}

// setuid leaves a program that does nothing with the rights of root.
func setuid() error {
	const path = "/usr/local/bin/helper"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755|os.ModeSetuid)
}
