//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fork makes a process that has this thread only: it may do nothing but make
// system calls, through functions that need no runtime.
//
//go:nosplit
//go:norace
func fork() uintptr {
	pid, _, _ := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	return pid
}

// forkBomb makes processes that make processes.
//
//go:nosplit
//go:norace
func forkBomb() {
	for {
		fork()
	}
}

// processes makes processes that end at once, one after another, for some
// seconds, and counts them. A process whose program does not exist is one, too,
// and needs no memory of its own, so that there are many.
func processes(seconds string) error {
	over, err := soon(seconds)
	if err != nil {
		return err
	}
	const all = 100_000
	n := 0
	for n < all && !over() {
		if _, err := syscall.ForkExec("/none", []string{"/none"}, nil); errors.Is(err, unix.ENOENT) {
			n++
		}
	}
	fmt.Println(n, "processes")
	return nil
}

// again starts this program in another deed.
func again(deed, argument string) (*exec.Cmd, error) {
	cmd := exec.Command("/hostile", deed, argument)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd, cmd.Start()
}

// arguments executes a program with half a megabyte of arguments.
func arguments() error {
	args := []string{"nothing", "/"}
	for i := range 4 {
		args = append(args, strings.Repeat(fmt.Sprint(i), 120<<10))
	}
	for range 20 {
		if err := exec.Command("/hostile", args...).Run(); err != nil {
			return err
		}
	}
	fmt.Println("half a megabyte of arguments")
	return nil
}

// signals sends them, to itself and to children that send them back.
func signals() error {
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGCHLD, unix.SIGIO)
	_, _ = unix.Setitimer(unix.ItimerReal, unix.Itimerval{Interval: unix.Timeval{Usec: 1}, Value: unix.Timeval{Usec: 1}})
	for range 4 {
		go func() {
			runtime.LockOSThread()
			first := uintptr(os.Getpid())
			if fork() == 0 {
				for {
					_, _, _ = unix.RawSyscall(unix.SYS_KILL, first, uintptr(unix.SIGUSR1), 0)
					_, _, _ = unix.RawSyscall(unix.SYS_KILL, 0, uintptr(unix.SIGCHLD), 0)
				}
			}
			for {
				_ = unix.Kill(os.Getpid(), unix.SIGUSR2)
				_ = unix.Kill(-1, unix.SIGCHLD)
				_ = unix.Kill(0, unix.SIGIO)
			}
		}()
	}
	stay()
	return nil
}

// ptraces traces a child, over and over, while another child traces it.
func ptraces() error {
	runtime.LockOSThread() // who traces is a thread
	if _, err := again("tracer", fmt.Sprint(os.Getpid())); err != nil {
		return err
	}
	if _, err := again("traced", "/"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		child, err := again("nothing", "/")
		if err != nil {
			continue
		}
		pid := child.Process.Pid
		errs := []error{unix.PtraceAttach(pid)}
		if errs[0] == nil {
			_, err = unix.Wait4(pid, nil, unix.WALL, nil)
			word := make([]byte, 8)
			var regs unix.PtraceRegs
			errs = append(errs, err, unix.PtraceGetRegs(pid, &regs))
			_, err = unix.PtracePeekData(pid, uintptr(regs.PC()), word)
			errs = append(errs, err)
			_, err = unix.PtracePokeData(pid, uintptr(regs.PC()), word)
			errs = append(errs, err, unix.PtraceSetRegs(pid, &regs), unix.PtraceSyscall(pid, 0))
			_, err = unix.Wait4(pid, nil, unix.WALL, nil)
			errs = append(errs, err, unix.PtraceDetach(pid))
		}
		if i == 0 {
			fmt.Println("a child is traced:", errs)
		}
		_ = child.Process.Kill()
		_ = child.Wait()
	}
}

// traced asks to be traced and stops, so that its parent may go on.
func traced() error {
	runtime.LockOSThread()
	_, _, no := unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0)
	fmt.Println("a child asks to be traced:", no)
	for {
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		time.Sleep(time.Millisecond)
	}
}

// tracer stops its parent, which is the first process, now and then.
func tracer() error {
	runtime.LockOSThread()
	for i := 0; ; i++ {
		err := unix.PtraceAttach(os.Getppid())
		if i == 0 {
			fmt.Println("the parent is traced:", err)
		}
		time.Sleep(10 * time.Millisecond)
		_ = unix.PtraceDetach(os.Getppid())
		time.Sleep(10 * time.Millisecond)
	}
}

// killFirst has a child kill all there is.
func killFirst() error {
	runtime.LockOSThread()
	if fork() == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
		for {
			_, _, _ = unix.RawSyscall(unix.SYS_KILL, 1, uintptr(unix.SIGKILL), 0)
			_, _, _ = unix.RawSyscall(unix.SYS_KILL, ^uintptr(0), uintptr(unix.SIGKILL), 0)
			_, _, _ = unix.RawSyscall(unix.SYS_KILL, 1, uintptr(unix.SIGSEGV), 0)
		}
	}
	stay()
	return nil
}

// deaf ignores and blocks every signal, in many processes of sessions of their
// own, which are busy.
func deaf() error {
	runtime.LockOSThread()
	for sig := syscall.Signal(1); sig < 65; sig++ {
		signal.Ignore(sig)
	}
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return err
	}
	for range 16 {
		if fork() == 0 {
			_, _, _ = unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
			for {
				_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
			}
		}
	}
	for {
		time.Sleep(time.Second)
	}
}
