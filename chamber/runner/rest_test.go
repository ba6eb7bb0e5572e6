package runner

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/network"
)

// newCable makes a network that is nothing but its cable, and returns its near end.
func newCable(t *testing.T) (net *internet, near *os.File) {
	t.Helper()
	near, far, err := network.Cable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return &internet{net: new(network.Internet), far: far}, near
}

// A sandbox is at rest when none of its threads runs and nothing is on its way to
// its network, or from there.
func TestAtRest(t *testing.T) {
	sleeps := exec.Command("sleep", "60")
	runs := exec.Command("sh", "-c", "while :; do :; done")
	for _, c := range []*exec.Cmd{sleeps, runs} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		}()
	}
	cable, near := newCable(t)
	far := cable.far
	eventually := func(want bool, pid int, net *internet, what string) {
		t.Helper()
		for range 100 {
			if atRest(pid, net, true) == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: at rest %t", what, !want)
	}
	eventually(true, sleeps.Process.Pid, cable, "a process that sleeps")
	eventually(false, runs.Process.Pid, cable, "a process that runs")
	if atRest(runs.Process.Pid, cable, false) {
		t.Error("a sandbox that runs is at rest")
	}
	for _, end := range []struct{ from, to *os.File }{{near, far}, {far, near}} {
		if _, err := end.from.Write([]byte("frame")); err != nil {
			t.Fatal(err)
		}
		if atRest(sleeps.Process.Pid, cable, true) {
			t.Errorf("a frame from the %s waits in it, and it is at rest", end.from.Name())
		}
		if !atRest(sleeps.Process.Pid, cable, false) {
			t.Errorf("a frame from the %s is none of a sandbox that sleeps", end.from.Name())
		}
		if _, err := unix.Read(int(end.to.Fd()), make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		eventually(true, sleeps.Process.Pid, cable, "a cable whose frame was taken")
	}
}

// What a sandbox sent before it went is waited for, and what it will never take is not.
func TestHeardOut(t *testing.T) {
	net, near := newCable(t)
	far := net.far
	if _, err := far.Write([]byte("farewell")); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write([]byte("for nobody")); err != nil {
		t.Fatal(err)
	}
	if net.heardOut() {
		t.Error("a frame waits to be taken, and it was heard out")
	}
	b := make([]byte, 16)
	if n, err := near.Read(b); err != nil || string(b[:n]) != "farewell" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if !net.heardOut() {
		t.Error("all was taken, and it was not heard out")
	}
	if _, err := near.Write([]byte("too late")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("what is sent to a sandbox that is gone: %v", err)
	}
}
