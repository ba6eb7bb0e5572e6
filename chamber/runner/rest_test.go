package runner

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/network"
)

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
	near, far, err := network.Cable()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	defer far.Close()
	cable := &internet{net: new(network.Internet), far: far}
	eventually := func(want bool, pid int, net *internet, what string) {
		t.Helper()
		for range 100 {
			if atRest(pid, net) == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: at rest %t", what, !want)
	}
	eventually(true, sleeps.Process.Pid, cable, "a process that sleeps")
	eventually(false, runs.Process.Pid, cable, "a process that runs")
	for _, end := range []struct{ from, to *os.File }{{near, far}, {far, near}} {
		if _, err := end.from.Write([]byte("frame")); err != nil {
			t.Fatal(err)
		}
		if atRest(sleeps.Process.Pid, cable) {
			t.Errorf("a frame from the %s waits in it, and it is at rest", end.from.Name())
		}
		if _, err := unix.Read(int(end.to.Fd()), make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		eventually(true, sleeps.Process.Pid, cable, "a cable whose frame was taken")
	}
}
