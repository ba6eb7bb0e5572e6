package runner

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

func localOf(seq uint64, at int64, pid int32, kind, address string) *tape.Event {
	return &tape.Event{Seq: seq, Time: at, Kind: tape.SocketLocal, PID: pid, TID: pid, Socket: &tape.Socket{Family: "inet", Type: kind, Address: address}}
}

// An event of the network gets the process whose port it came from, whichever
// is told of first, and none where nobody has the port.
func TestRecorderFindsTheProcess(t *testing.T) {
	now := wire.Monotonic()
	cases := []struct {
		name string
		told *tape.Event
		by   network.Origin
		want int32
	}{
		{"connection", localOf(1, now, 7, "stream", "172.17.0.2:40000"), network.Origin{Flow: 1, Network: "tcp", Port: 40000, Start: now}, 7},
		{"told of before its first packet", localOf(1, now-1e9, 7, "stream", "172.17.0.2:40000"), network.Origin{Flow: 1, Network: "tcp", Port: 40000, Start: now}, 7},
		{"another's port, long ago", localOf(1, now-1e10, 7, "stream", "172.17.0.2:40000"), network.Origin{Flow: 1, Network: "tcp", Port: 40000, Start: now}, 0},
		{"datagram of an old socket", localOf(1, now-1e10, 7, "dgram", "0.0.0.0:5000"), network.Origin{Flow: 1, Network: "udp", Port: 5000, Start: now}, 7},
		{"another protocol's port", localOf(1, now, 7, "dgram", "0.0.0.0:5000"), network.Origin{Flow: 1, Network: "tcp", Port: 5000, Start: now}, 0},
		{"ping", localOf(1, now, 7, "raw", "0.0.0.0:0"), network.Origin{Flow: 1, Network: "icmp", Start: now}, 7},
		{"forged source", localOf(1, now, 7, "stream", "172.17.0.2:40000"), network.Origin{Flow: 1, Network: "tcp", Port: 1234, Start: now}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := newRecorder(&out, testPlan())
			if err := r.start(1); err != nil {
				t.Fatal(err)
			}
			r.seen(&tape.Event{Kind: tape.DNSAnswer, Flow: 1, DNS: &tape.DNS{Name: "a", Type: "A", Transport: "udp", Code: "NOERROR"}}, c.by)
			if err := r.event(line(t, c.told), nil); err != nil {
				t.Fatal(err)
			}
			// What the flow does last is known to be its process's, too.
			r.seen(&tape.Event{Kind: tape.FlowEnded, Flow: 1, FlowEnd: &tape.Flow{Network: c.by.Network, End: "closed"}}, c.by)
			if err := r.end(tape.End{Reason: tape.Exited}); err != nil {
				t.Fatal(err)
			}
			var got []int32
			for _, e := range readTape(t, &out) {
				if e.Flow != 0 {
					got = append(got, e.PID)
				}
			}
			if diff := cmp.Diff([]int32{c.want, c.want}, got); diff != "" {
				t.Errorf("processes (-want +got):\n%s", diff)
			}
			if len(r.owners.flows) != 0 {
				t.Error("a flow that ended is remembered")
			}
		})
	}
}

// Who has which port is on the tape at full detail, and only then; an untraced
// run has nothing of its network.
func TestRecorderDetail(t *testing.T) {
	for detail, want := range map[plan.Detail]int{plan.Full: 4, plan.Normal: 3, plan.Untraced: 2} {
		var out bytes.Buffer
		p := testPlan()
		p.Detail = detail
		r := newRecorder(&out, p)
		if err := r.start(1); err != nil {
			t.Fatal(err)
		}
		if detail != plan.Untraced {
			if err := r.event(line(t, localOf(1, wire.Monotonic(), 7, "stream", "172.17.0.2:40000")), nil); err != nil {
				t.Fatal(err)
			}
		}
		r.seen(&tape.Event{Kind: tape.FlowEnded, Flow: 1, FlowEnd: &tape.Flow{Network: "tcp", End: "closed"}}, network.Origin{Flow: 1, Network: "tcp"})
		if err := r.end(tape.End{Reason: tape.Exited, Bounds: []string{"flows"}}); err != nil {
			t.Fatal(err)
		}
		events := readTape(t, &out)
		if len(events) != want {
			t.Errorf("%s: %d events, want %d", detail, len(events), want)
		}
		if diff := cmp.Diff([]string{"flows"}, events[len(events)-1].End.Bounds); diff != "" {
			t.Errorf("%s: bounds (-want +got):\n%s", detail, diff)
		}
	}
}
