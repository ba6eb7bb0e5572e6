//go:build linux

package process_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
)

// The variable that makes this test binary a chamber that behaves as its value
// says. The prefix lets it through to the child.
const behaviour = "DETONAUT_CHAMBER_BEHAVIOUR"

// TestMain runs the tests, or is the chamber that they run, or its parent.
func TestMain(m *testing.M) {
	if how := os.Getenv(behaviour); how != "" {
		exit(chamber(how, os.Args[1:]))
	}
	if path := os.Getenv(parentOf); path != "" {
		exit(parent(path))
	}
	exit(m.Run())
}

// exit ends the program that this binary is when it is no test.
func exit(code int) {
	os.Exit(code)
}

// chamber speaks the protocol of detonaut-chamber, well or badly.
func chamber(how string, args []string) int {
	switch {
	case how == "linger":
		return linger()
	case len(args) == 1 && args[0] == "version":
		return tellVersion(how)
	case len(args) == 1 && args[0] == "run":
	case len(args) == 5 && args[0] == "run" && args[1] == "-artifacts" && args[2] == "3" && args[3] == "-want":
		var err error
		if wanted, err = artifact.ParseKinds(args[4]); err != nil {
			return 2
		}
		artifacts = os.NewFile(3, "artifacts")
	default:
		return 2
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	stdin, err := io.ReadAll(os.Stdin)
	var p plan.Plan
	if err != nil || json.Unmarshal(stdin, &p) != nil {
		return 2
	}
	p.Image = ""
	r := &run{enc: tape.NewEncoder(os.Stdout), plan: p, terminated: terminated}
	if misdeed, ok := misdeeds[how]; ok {
		return misdeed(r)
	}
	return obey(r)
}

func tellVersion(how string) int {
	switch how {
	case "other version":
		fmt.Fprintln(os.Stdout, "0.0.1-other")
	case "version fails":
		fmt.Fprintln(os.Stderr, "no version\x1b[31m today")
		return 1
	case "version floods":
		chatter := bytes.Repeat([]byte("version "), 1<<10)
		for range 64 {
			fmt.Fprintf(os.Stdout, "%s", chatter)
		}
	default:
		fmt.Fprintln(os.Stdout, version.String())
	}
	return 0
}

// artifacts is where they go, if they are wanted, and wanted which.
var (
	artifacts *os.File
	wanted    artifact.Kinds
)

// handOver writes artifacts, of every kind.
func handOver() {
	if artifacts == nil {
		return
	}
	w := artifact.NewWriter(artifacts, artifact.DefaultLimits().Only(wanted))
	for range 100 {
		w.Capture().Write(bytes.Repeat([]byte("packets "), 1<<10))
	}
	io.WriteString(w.Record(), "record")
	w.Blob([]byte("body"))
	w.Payload(sha256.Sum256([]byte("payload")), []byte("payload"))
	if w.Close() != nil {
		exit(1)
	}
	artifacts.Close()
}

// run is one well-behaved run, of which a misdeed uses what it likes.
type run struct {
	enc        *tape.Encoder
	plan       plan.Plan
	terminated <-chan os.Signal
	seq        uint64
}

func (r *run) record(ev tape.Event) {
	r.seq++
	ev.Seq, ev.Time = r.seq, int64(r.seq)
	if err := r.enc.Record(&ev); err != nil {
		exit(1)
	}
}

func (r *run) start() {
	r.record(tape.Event{Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Chamber: version.String(), Wall: 1, Plan: r.plan}})
}

func (r *run) some(n int) {
	for range n {
		r.record(tape.Event{Kind: tape.FileOpen, PID: 1, TID: 1, File: &tape.File{Path: "/tmp/x"}})
	}
}

func (r *run) end(reason tape.Reason) {
	r.record(tape.Event{Kind: tape.RunEnd, End: &tape.End{Reason: reason, Events: r.seq + 1}})
}

// obey runs what the plan says, of three things that it knows.
func obey(r *run) int {
	r.start()
	handOver()
	switch r.plan.Args[0] {
	case "missing":
		r.end(tape.NotStarted)
	case "endless":
		<-r.terminated
		r.end(tape.Killed)
	default:
		r.some(10)
		r.end(tape.Exited)
	}
	return 0
}

// leave starts a process that outlives the chamber if nobody ends it. It holds
// the chamber's stdout.
func leave(attr *syscall.SysProcAttr) {
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe")
	cmd.Env = []string{behaviour + "=linger"}
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		exit(1)
	}
}

// linger waits until nobody reads its stdout any more.
func linger() int {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: 1}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return 0
		}
	}
}

// misdeeds are what can be wrong with a chamber.
var misdeeds = map[string]func(*run) int{
	"unavailable": func(*run) int {
		fmt.Fprintln(os.Stderr, "user namespaces are forbidden: sysctl -w kernel.unprivileged_userns_clone=1")
		return 3
	},
	"fails": func(*run) int {
		fmt.Fprintln(os.Stderr, "panic: \x1b[31mgoroutine 1\ndied")
		return 2
	},
	"fails after the tape": func(r *run) int { obey(r); return 1 },
	"stops early":          func(r *run) int { r.start(); r.some(3); return 0 },
	"half a line": func(r *run) int {
		r.start()
		fmt.Fprint(os.Stdout, `{"seq":2,"t":5,"ki`)
		return 0
	},
	"says nothing": func(*run) int { return 0 },
	"garbage":      func(r *run) int { r.start(); fmt.Fprintln(os.Stdout, "\x00\x7fELF goodbye"); return 0 },
	"garbage after the tape": func(r *run) int {
		obey(r)
		fmt.Fprintln(os.Stdout, "PS")
		return 0
	},
	"garbage without end": func(*run) int {
		for {
			if _, err := fmt.Fprintln(os.Stdout, "garbage"); err != nil {
				return 1
			}
		}
	},
	"a line without end": func(r *run) int {
		r.start()
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := os.Stdout.Write(chunk); err != nil {
				return 1
			}
		}
	},
	"killed by a signal": func(r *run) int {
		r.start()
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	},
	"ignores the signal": func(r *run) int { r.start(); select {} },
	"stays after the tape": func(r *run) int {
		obey(r)
		select {}
	},
	"stays with its stdout closed": func(r *run) int {
		obey(r)
		os.Stdout.Close()
		select {}
	},
	"floods stderr": func(r *run) int {
		chatter := bytes.Repeat([]byte("chatter "), 4<<10)
		for range 256 {
			fmt.Fprintf(os.Stderr, "%s\n", chatter)
		}
		return obey(r)
	},
	"floods events": func(r *run) int {
		r.start()
		r.some(20_000)
		r.end(tape.Exited)
		return 0
	},
	"leaves a process": func(r *run) int { leave(nil); return obey(r) },
	"leaves a process that holds stdout": func(r *run) int {
		leave(&syscall.SysProcAttr{Setpgid: true})
		return obey(r)
	},
	"hands over nonsense": func(r *run) int {
		r.start()
		artifacts.WriteString("PK\x03\x04, an archive")
		<-r.terminated
		r.end(tape.Killed)
		return 0
	},
	"hands over everything": func(r *run) int { wanted = artifact.Everything; return obey(r) },
	"hands over without end": func(r *run) int {
		r.start()
		junk := bytes.Repeat([]byte("junk"), 1<<10)
		for {
			if _, err := artifacts.Write(junk); err != nil {
				return 1
			}
		}
	},
	"hands over too little": func(r *run) int {
		artifacts.Close()
		artifacts = nil
		return obey(r)
	},
	"keeps artifacts to itself": func(r *run) int {
		r.start()
		r.end(tape.Exited)
		select {}
	},
	"tells its plan": func(r *run) int {
		target, _ := os.Readlink("/proc/self/fd/3")
		fmt.Fprintf(os.Stderr, "replay %s, a pipe: %t", r.plan.Internet.Replay, strings.HasPrefix(target, "pipe:"))
		return 1
	},
	"tells its environment": func(*run) int {
		fmt.Fprintln(os.Stderr, os.Environ())
		return 1
	},
}
