package e2e_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/detonaut/detonaut/chamber/tape"
)

// What a subject says as the last thing that it does is on the tape, also where the
// internet of the run has to wait for its turn on the processors.
func TestFarewell(t *testing.T) {
	const machines, said = 24, 32 << 10
	var addresses []string
	for i := range machines {
		addresses = append(addresses, fmt.Sprintf("203.0.113.%d:4000", i+1))
	}
	ref := programImage(t, "client", "farewell")
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	for range 4 * runtime.NumCPU() {
		busy.Go(func() {
			for ctx.Err() == nil {
			}
		})
	}
	for range 3 {
		keep := t.TempDir()
		r := scan(t, ref, "--keep", keep, "--cmd", strings.Join(addresses, " "))
		if r.Run.EndReason != string(tape.Exited) || r.Run.ExitCode != 0 {
			t.Fatalf("the run ended with %s (%s) and exit code %d; output:\n%s", r.Run.EndReason, r.Run.EndDetail, r.Run.ExitCode, r.Run.Output)
		}
		if !r.Coverage.Full {
			t.Errorf("gaps: %q", r.Coverage.Gaps)
		}
		heard := make(map[string]int64)
		for _, e := range kept(t, keep) {
			if e.Kind == tape.FlowEnded {
				heard[e.FlowEnd.Network+" "+e.FlowEnd.Remote] = e.FlowEnd.Sent
			}
		}
		for _, a := range addresses {
			if got := heard["tcp "+a]; got != said {
				t.Errorf("%d bytes were said to %s over TCP, want %d", got, a, said)
			}
			if got := heard["udp "+a]; got != int64(len("farewell")) {
				t.Errorf("%d bytes were said to %s over UDP", got, a)
			}
		}
	}
}
