//go:build linux

// Probe does everything once that the tape records, harmlessly: most of it
// the sandbox refuses, and the rest concerns files and sockets of its own.
// Errors do not matter; the tape tells what was tried. It refuses to run
// anywhere but in the image that the test makes for it.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	switch {
	case os.Getenv("DETONAUT_PROBE") != "1":
		fmt.Fprintln(os.Stderr, "probe: this is for a sandbox")
		os.Exit(1)
	case len(os.Args) > 1:
		fmt.Println("child:", os.Args[1])
		os.Exit(7)
	}
	files()
	processes()
	sockets()
	calls()
	fmt.Println("probe: done")
	fmt.Fprintln(os.Stderr, "probe: \x1b[31mdone\xff")
}

func files() {
	_ = unix.Mkdir("/work", 0o750)
	_ = unix.Chdir("/work")
	_ = os.WriteFile("new", []byte("#!/probe\n"), 0o640) // relative to the working directory
	_ = os.Symlink("/work", "/alias")
	f, _ := os.OpenFile("/alias/new", os.O_WRONLY|os.O_APPEND, 0) // through a symlink
	_, _ = f.WriteString("more\n")
	_ = f.Truncate(4)
	_ = unix.Fchmod(int(f.Fd()), 0o4755)
	f.Close()
	_ = unix.Fchmodat(unix.AT_FDCWD, "new", 0o755, 0)
	_ = unix.Chown("new", 12, 34)
	_ = unix.Setxattr("/work/new", "user.note", []byte("x"), 0)
	_ = unix.Removexattr("/work/new", "user.note")
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, "new", []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0)
	_ = unix.Link("new", "hard")
	dir, _ := unix.Open("/work", unix.O_DIRECTORY, 0)
	_ = unix.Renameat(dir, "hard", dir, "moved") // relative to a descriptor
	_ = unix.Unlink("/work/../alias/moved")
	_ = unix.Mknod("/work/pipe", unix.S_IFIFO|0o600, 0)
	_ = unix.Truncate("/work/new", 2)
	_ = unix.Mkdir("/work/sub", 0o700)
	_ = unix.Rmdir("/work/sub/")
	_ = unix.Mkdir("/work/deep", 0o700)
	_ = os.Symlink("/work/deep", "/tmp/hop")
	_ = unix.Rename("new", "/tmp/hop/../odd (deleted)") // ".." of where the symlink leads
	_ = unix.Chmod("/work/odd (deleted)", 0o600)
	_ = unix.Rename("odd (deleted)", "new")
	_ = unix.Lchown("/alias", 56, 78)
	_ = unix.Linkat(unix.AT_FDCWD, "/alias/../alias/new", unix.AT_FDCWD, "/work/second", unix.AT_SYMLINK_FOLLOW)
	_, _ = os.ReadFile("/etc/shadow")
	_, _ = os.ReadFile("/etc/passwd") // not sensitive: no event
	_, _ = os.Create("/no/such/directory")
}

func processes() {
	self, _ := os.ReadFile("/probe")
	_ = exec.Command("/probe", "from-image").Run()
	_ = os.WriteFile("/tmp/written", self, 0o700)
	_ = exec.Command("/tmp/written", "from-written").Run()
	if fd, err := unix.MemfdCreate("hidden", 0); err == nil {
		_, _ = unix.Write(fd, self)
		_ = exec.Command(fmt.Sprintf("/proc/self/fd/%d", fd), "from-memory").Run()
	}
	_ = os.WriteFile("/work/script", []byte("#!/probe as-interpreter\n"), 0o755)
	_ = exec.Command("/work/script").Run()
	_ = exec.Command("/nowhere/program").Run()
	missing, _ := unix.BytePtrFromString("/nowhere/program")
	argv := []*byte{missing, nil}
	_, _, _ = unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(missing)), uintptr(unsafe.Pointer(&argv[0])), 0)
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = 'a'
	}
	_ = exec.Command("/probe", string(long)).Run()
}

func sockets() {
	l, err := net.Listen("tcp", "127.0.0.1:4321")
	if err != nil {
		return
	}
	go func() {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			c.Close()
		}
	}()
	if c, err := l.Accept(); err == nil {
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}
	_, _ = net.DialTimeout("tcp", "203.0.113.9:443", time.Second)
	_, _ = net.DialTimeout("unix", "/run/no.sock", time.Second)
	s, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	server := &unix.SockaddrInet4{Port: 53, Addr: [4]byte{203, 0, 113, 53}}
	_ = unix.Sendto(s, question("sendto"), 0, server)
	_ = unix.Sendmsg(s, question("sendmsg"), nil, server, 0)
	_ = unix.Connect(s, server)
	_, _ = unix.Write(s, question("write"))
	six, _ := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	_ = unix.Bind(six, &unix.SockaddrInet6{Port: 5353})
	var many [20]mmsghdr
	for i := range many {
		to := &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: 0x0a00 /* 10 */, Addr: [4]byte{203, 0, 113, byte(100 + i)}}
		many[i].Name, many[i].Namelen = (*byte)(unsafe.Pointer(to)), unix.SizeofSockaddrInet4
		payload := make([]byte, 600)
		many[i].Iov, many[i].Iovlen = &unix.Iovec{Base: &payload[0], Len: 600}, 1
	}
	for i := range many { // one by one: the first that fails would end it
		_, _, _ = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s), uintptr(unsafe.Pointer(&many[i])), uintptr(len(many)-i), 0, 0, 0)
	}
	for range 100 { // folded
		_ = unix.Sendto(s, []byte("x"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{203, 0, 113, 1}})
	}
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	_ [8]byte // how many bytes were sent
}

// question is a DNS message that asks for the address of name.example.
func question(name string) []byte {
	m := append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, byte(len(name))}, name...)
	return append(m, "\x07example\x00\x00\x01\x00\x01"...)
}

func calls() {
	str := func(s string) uintptr {
		p, _ := unix.BytePtrFromString(s)
		return uintptr(unsafe.Pointer(p))
	}
	raw := func(no uintptr, a ...uintptr) {
		a = append(a, 0, 0, 0, 0, 0, 0)
		_, _, _ = unix.Syscall6(no, a[0], a[1], a[2], a[3], a[4], a[5])
	}
	_ = unix.Mount("none", "/work", "tmpfs", unix.MS_NOSUID, "")
	_ = unix.Unmount("/work", 0)
	_ = unix.Unshare(unix.CLONE_NEWUTS)
	_ = unix.Setns(0, unix.CLONE_NEWNET)
	_ = unix.PivotRoot("/work", "/work")
	raw(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 4242)
	raw(unix.SYS_PROCESS_VM_WRITEV, 4242)
	_ = unix.Prctl(unix.PR_SET_NAME, str("kworker/0:1"), 0, 0, 0)
	_ = unix.Kill(4242, unix.SIGTERM)
	raw(unix.SYS_INIT_MODULE)
	raw(unix.SYS_FINIT_MODULE, 0, str(""))
	raw(unix.SYS_BPF, 5)
	raw(unix.SYS_PERF_EVENT_OPEN)
	raw(unix.SYS_KEYCTL, 1)
	raw(unix.SYS_IO_URING_SETUP, 1)
	raw(unix.SYS_TKILL, 4243, uintptr(unix.SIGTERM))
	raw(unix.SYS_PIDFD_GETFD, 9999, 3)
	// Fails after the kernel made the thread: it must not count as one that
	// lived and died.
	raw(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&[11]uint64{unix.CLONE_PIDFD | unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_THREAD, 8})), 88)
	if id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600); err == nil {
		_, _ = unix.SysvShmAttach(id, 0, 0o100000 /* SHM_EXEC */)
	}
	_ = unix.Sethostname([]byte("other"))
	_, _ = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON); err == nil {
		_ = unix.Mprotect(b, unix.PROT_WRITE|unix.PROT_EXEC)
	}
	var none [2]unix.CapUserData
	_ = unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
	_ = unix.Chroot("/work")
	// For this thread alone: the Go runtime would end a program in which one
	// thread succeeds and another does not.
	raw(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&[]uint32{5}[0])))
	raw(unix.SYS_SETRESGID, 1000, 1000, 1000)
	raw(unix.SYS_SETUID, 1000)
}
