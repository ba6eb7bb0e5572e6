//go:build linux

// Waits waits for an hour, in one of all the ways in which a program can, and
// tells by how much each clock has gone on meanwhile; or it waits for something
// else.
package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const hour = 3600

// ways are how to wait.
var ways = map[string]func() error{
	"go":          func() error { time.Sleep(time.Hour); return nil },
	"nanosleep":   nanosleep,
	"sleep":       func() error { return clockNanosleep(unix.CLOCK_MONOTONIC, 0) },
	"sleep-until": func() error { return clockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME) },
	"sleep-wall":  func() error { return clockNanosleep(unix.CLOCK_REALTIME, unix.TIMER_ABSTIME) },
	"sleep-boot":  func() error { return clockNanosleep(unix.CLOCK_BOOTTIME, unix.TIMER_ABSTIME) },
	"poll":        func() error { return waited(unix.Poll(nil, hour*1000)) },
	"ppoll":       func() error { return waited(unix.Ppoll(nil, &unix.Timespec{Sec: hour}, nil)) },
	"select":      func() error { return waited(unix.Select(0, nil, nil, nil, &unix.Timeval{Sec: hour})) },
	"pselect":     func() error { return waited(unix.Pselect(0, nil, nil, nil, &unix.Timespec{Sec: hour}, nil)) },
	"epoll":       epoll,
	"futex":       func() error { return futex(0, &unix.Timespec{Sec: hour}) },                         // FUTEX_WAIT
	"futex-until": func() error { return futex(9, after(unix.CLOCK_MONOTONIC)) },                       // FUTEX_WAIT_BITSET
	"futex-wall":  func() error { return futex(9|256, after(unix.CLOCK_REALTIME)) },                    // and FUTEX_CLOCK_REALTIME
	"timerfd":     func() error { return timerfd(unix.CLOCK_MONOTONIC, 0, false) },                     //
	"timerfd-abs": func() error { return timerfd(unix.CLOCK_REALTIME, unix.TFD_TIMER_ABSTIME, false) }, //
	"timerfd-ep":  func() error { return timerfd(unix.CLOCK_BOOTTIME, 0, true) },
	"itimer":      itimer,
	"timer":       timer,
	"sigwait":     sigwait,
	"recv":        recv,

	"uptime": uptime,
	"short":  func() error { time.Sleep(3 * time.Second); return nil },
	"days":   days,
	"pipe":   pipe,
	"accept": accept,
	"pair":   pair,
	"knock":  knock,
	"peer":   peer,
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "waits:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 || ways[os.Args[1]] == nil {
		return fmt.Errorf("usage: waits %q", slices.Sorted(maps.Keys(ways)))
	}
	runtime.LockOSThread()
	before := clocks()
	if err := ways[os.Args[1]](); err != nil {
		return fmt.Errorf("%s: %w", os.Args[1], err)
	}
	now := clocks()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		fmt.Printf("%s %.0f\n", name, now[name]-before[name])
	}
	return nil
}

// clocks reads every clock there is, in seconds. Go's own reads come from the
// vDSO.
func clocks() map[string]float64 {
	var uptime float64
	if b, err := os.ReadFile("/proc/uptime"); err == nil {
		_, _ = fmt.Sscan(string(b), &uptime)
	}
	var info unix.Sysinfo_t
	_ = unix.Sysinfo(&info)
	return map[string]float64{
		"go": float64(time.Now().UnixMilli()) / 1000, "go-monotonic": time.Since(start).Seconds(), "uptime": uptime, "sysinfo": float64(info.Uptime),
		"realtime": read(unix.CLOCK_REALTIME), "monotonic": read(unix.CLOCK_MONOTONIC), "boottime": read(unix.CLOCK_BOOTTIME),
		"raw": read(unix.CLOCK_MONOTONIC_RAW), "coarse": read(unix.CLOCK_REALTIME_COARSE),
	}
}

var start = time.Now()

func read(id int32) float64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(id, &ts) // all are there
	return float64(ts.Nano()) / 1e9
}

// after is an hour from now.
func after(id int32) *unix.Timespec {
	var ts unix.Timespec
	_ = unix.ClockGettime(id, &ts)
	ts.Sec += hour
	return &ts
}

// waited makes an error of whatever came before the hour was over.
func waited(n int, err error) error {
	if err == nil && n != 0 {
		err = fmt.Errorf("got %d, want to be out of time", n)
	}
	return err
}

func nanosleep() error { return unix.Nanosleep(&unix.Timespec{Sec: hour}, nil) }

func clockNanosleep(id int32, flags int) error {
	until := &unix.Timespec{Sec: hour}
	if flags == unix.TIMER_ABSTIME {
		until = after(id)
	}
	return unix.ClockNanosleep(id, flags, until, nil)
}

func epoll() error {
	fd, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	return waited(unix.EpollWait(fd, make([]unix.EpollEvent, 1), hour*1000))
}

func futex(op uintptr, timeout *unix.Timespec) error {
	var word uint32
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&word)), op, 0, uintptr(unsafe.Pointer(timeout)), 0, ^uintptr(0))
	return outOfTime(errno, unix.ETIMEDOUT)
}

func outOfTime(got error, want unix.Errno) error {
	if !errors.Is(got, want) {
		return fmt.Errorf("got %w, want %w", got, want)
	}
	return nil
}

func timerfd(id, flags int, polled bool) error {
	fd, err := unix.TimerfdCreate(id, 0)
	if err != nil {
		return err
	}
	value := unix.Timespec{Sec: hour}
	if flags == unix.TFD_TIMER_ABSTIME {
		value = *after(int32(id))
	}
	if err := unix.TimerfdSettime(fd, flags, &unix.ItimerSpec{Value: value}, nil); err != nil {
		return err
	}
	if polled {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		return err
	}
	_, err = unix.Read(fd, make([]byte, 8))
	return err
}

func itimer() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGALRM)
	if _, err := unix.Setitimer(unix.ITIMER_REAL, unix.Itimerval{Value: unix.Timeval{Sec: hour}}); err != nil {
		return err
	}
	<-signals
	return nil
}

// timer is timer_create(2) and timer_settime(2), which send SIGALRM.
func timer() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGALRM)
	var id int32
	if _, _, errno := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&id))); errno != 0 {
		return errno
	}
	value := unix.ItimerSpec{Value: unix.Timespec{Sec: hour}}
	if _, _, errno := unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(id), 0, uintptr(unsafe.Pointer(&value)), 0, 0, 0); errno != 0 {
		return errno
	}
	<-signals
	return nil
}

func sigwait() error {
	set := uint64(1) << (unix.SIGUSR1 - 1)
	_, _, errno := unix.Syscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, uintptr(unsafe.Pointer(&unix.Timespec{Sec: hour})), 8, 0, 0)
	return outOfTime(errno, unix.EAGAIN)
}

// recv waits for a datagram that nobody sends.
func recv() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: hour}); err != nil {
		return err
	}
	_, err = unix.Read(fd, make([]byte, 8))
	return outOfTime(err, unix.EAGAIN)
}

// days goes by for more than a month, an hour at a time.
func days() error {
	for range 40 * 24 {
		time.Sleep(time.Hour)
	}
	return nil
}

// pipe reads what only it could write.
func pipe() error {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return err
	}
	_, err := unix.Read(ends[0], make([]byte, 1))
	return err
}

// accept waits for a connection that nobody makes.
func accept() error {
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		return err
	}
	_, err = l.Accept()
	return err
}

// pair is two processes that wait for each other.
func pair() error {
	cmd := exec.Command("/proc/self/exe", "pipe")
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Wait()
}

// knock waits for a server that speaks only when its client has been silent for
// some seconds.
func knock() error {
	c, err := net.Dial("tcp", "203.0.113.77:4711")
	if err != nil {
		return err
	}
	n, err := c.Read(make([]byte, 100))
	if err == nil {
		fmt.Println("heard", n > 0)
	}
	return err
}

// uptime tells for how long the machine has been running, as far as each knows.
func uptime() error {
	for name, seconds := range clocks() {
		if slices.Contains([]string{"uptime", "sysinfo", "monotonic", "boottime", "raw"}, name) {
			fmt.Printf("up %s %.0f\n", name, seconds)
		}
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return err
	}
	var boot int64
	_, after, _ := strings.Cut(string(stat), "\nbtime ")
	if _, err := fmt.Sscan(after, &boot); err != nil {
		return err
	}
	fmt.Printf("up stat %d\n", time.Now().Unix()-boot)
	return nil
}

// peer asks somebody else for the time, after a day.
func peer() error {
	time.Sleep(24 * time.Hour)
	r, err := http.Get("http://203.0.113.77/")
	if err != nil {
		return err
	}
	r.Body.Close()
	date, err := time.Parse(time.RFC1123, r.Header.Get("Date"))
	if err == nil {
		fmt.Printf("peer %.0f minutes\n", time.Since(date).Abs().Minutes())
	}
	return err
}
