package behavior_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// flow is the end of the flow with number id.
func flow(pid int32, id uint64, f tape.Flow) *tape.Event {
	return &tape.Event{Kind: tape.FlowEnded, PID: pid, Flow: id, FlowEnd: &f}
}

func exchange(pid int32, h tape.HTTP) *tape.Event {
	return &tape.Event{Kind: tape.HTTPExchange, PID: pid, Flow: 1, HTTP: &h}
}

func message(pid int32, id uint64, protocol, verb string, fields map[string]string) *tape.Event {
	return &tape.Event{Kind: tape.MessageReceive, PID: pid, Flow: id, Message: &tape.Message{Protocol: protocol, Verb: verb, Fields: fields}}
}

func TestRunTellsWhatTheNetworkSaw(t *testing.T) {
	body := func(size int64, sum string, kept bool) *tape.Body {
		return &tape.Body{Size: size, SHA256: sum, Kept: kept}
	}
	login := map[string]string{"wallet": "4A", "agent": "x/1"}
	src := whole(tape.End{Reason: tape.Exited, Bounds: []string{"capture"}},
		&tape.Event{Kind: tape.TrustInstall, Trust: &tape.Trust{Path: "/a", Kind: "pem"}},
		&tape.Event{Kind: tape.TrustInstall, Errno: "ENOSPC", Trust: &tape.Trust{Path: "/b", Kind: "pem"}},
		&tape.Event{Kind: tape.DNSAnswer, PID: 1, Flow: 9, DNS: &tape.DNS{Name: "b.example", Type: "A", Code: "NXDOMAIN"}},
		socket(tape.SocketConnect, 1, "stream", "203.0.113.1:443", "EINPROGRESS"),
		exchange(1, tape.HTTP{Method: "POST", URL: "https://a.example/x", Status: 200, Answer: "drop/a.example", Body: body(5, "aa", true), ResponseBody: body(2, "bb", false)}),
		exchange(1, tape.HTTP{Method: "POST", URL: "https://a.example/x", Status: 200, Answer: "drop/a.example", Body: body(5, "aa", false)}),
		exchange(1, tape.HTTP{Method: "GET", URL: "https://a.example/x", Status: 404, ResponseBody: body(5, "aa", false), Live: true}),
		&tape.Event{Kind: tape.BaitSent, PID: 1, Flow: 1, Bait: &tape.Bait{Name: "aws", Encoding: "hex", Place: "http-body"}},
		flow(1, 1, tape.Flow{Network: "tcp", Remote: "203.0.113.1:443", Name: "a.example", Protocol: "http", TLS: true, Sent: 100, Received: 50, End: "closed"}),
		socket(tape.SocketConnect, 1, "stream", "203.0.113.1:443", ""),
		flow(1, 2, tape.Flow{Network: "tcp", Remote: "203.0.113.1:443", Name: "a.example", Sent: 1, End: "open"}),
		socket(tape.SocketConnect, 2, "stream", "[::ffff:203.0.113.2]:3333", ""),
		message(2, 3, "stratum", "login", login), message(2, 3, "stratum", "login", login), message(2, 3, "stratum", "keepalived", nil),
		flow(2, 3, tape.Flow{Network: "tcp", Remote: "203.0.113.2:3333", Protocol: "stratum", Sent: 7, Received: 8, End: "reset"}),
		socket(tape.SocketConnect, 2, "stream", "203.0.113.3:22", ""),
		flow(0, 4, tape.Flow{Network: "tcp", Remote: "203.0.113.3:22", Protocol: "ssh", Sent: 3, End: "closed"}),
		flow(0, 5, tape.Flow{Network: "tcp", Remote: "203.0.113.4:23", End: "refused", Reason: "scan"}),
		flow(0, 6, tape.Flow{Network: "icmp", Remote: "203.0.113.5", Sent: 64, Received: 64, End: "closed"}),
		&tape.Event{Kind: tape.TLSHandshake, PID: 3, Flow: 7, TLS: &tape.TLS{SNI: "pinned.example", JA4: "t13d", Rejected: true}},
		&tape.Event{Kind: tape.TLSHandshake, PID: 3, Flow: 8, TLS: &tape.TLS{SNI: "pinned.example", JA4: "t13d", Rejected: true}},
		&tape.Event{Kind: tape.TLSHandshake, PID: 3, Flow: 8, TLS: &tape.TLS{SNI: "fine.example", JA4: "t13d"}},
	)
	src.events[0].Start.Plan.Network = plan.Simulated
	got := run(t, src).Run
	want := detonaut.Run{
		Command: []string{"/app"}, EndReason: "exited", Elapsed: got.Elapsed, Network: "simulated", Processes: got.Processes,
		Connections: []detonaut.Connection{
			{Network: "icmp", Address: "203.0.113.5", Count: 1, Sent: 64, Received: 64, Event: 21},
			{Network: "tcp", Address: "203.0.113.1:443", Name: "a.example", Protocol: "http", TLS: true, PID: 1, Count: 2, Sent: 101, Received: 50, Event: 5},
			{Network: "tcp", Address: "[::ffff:203.0.113.2]:3333", Protocol: "stratum", PID: 2, Count: 1, Sent: 7, Received: 8, Event: 13},
			{Network: "tcp", Address: "203.0.113.3:22", Protocol: "ssh", PID: 2, Count: 1, Sent: 3, Event: 18},
			{Network: "tcp", Address: "203.0.113.4:23", Count: 1, Refused: "scan", Event: 20},
		},
		Names: []string{"b.example"},
		Requests: []detonaut.Request{
			{Method: "GET", URL: "https://a.example/x", Status: 404, PID: 1, Count: 1, Received: 5, Live: true, Event: 8},
			{Method: "POST", URL: "https://a.example/x", Status: 200, Answer: "drop/a.example", PID: 1, Count: 2, Sent: 10, Received: 2, Event: 6},
		},
		Rejections: []detonaut.Rejection{{Name: "pinned.example", JA4: "t13d", PID: 3, Count: 2, Event: 22}},
		Messages: []detonaut.Message{
			{Protocol: "stratum", Verb: "keepalived", Remote: "203.0.113.2:3333", PID: 2, Count: 1, Event: 16},
			{Protocol: "stratum", Verb: "login", Fields: login, Remote: "203.0.113.2:3333", PID: 2, Count: 2, Event: 14},
		},
		Baits: []detonaut.Bait{{Name: "aws", Encoding: "hex", Place: "http-body", Sent: true, Remote: "a.example:443", PID: 1, Count: 1, Event: 9}},
		Bodies: []detonaut.Body{
			{SHA256: "aa", Size: 5, Sent: true, Received: true, Kept: true, Count: 3, Event: 6},
			{SHA256: "bb", Size: 2, Received: true, Count: 1, Event: 6},
		},
		Trust: &detonaut.Trust{Edited: 1, Failed: 1},
		Notes: []string{"capture: it is not whole"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
}

// TestWhatComesAfterTheEnd: a flow ends after its process, which it belongs to
// all the same, and which it does not bring back.
func TestWhatComesAfterTheEnd(t *testing.T) {
	w := new(watcher)
	r := run(t, whole(tape.End{Reason: tape.Exited},
		exec(1, 0, "/app"), fork(1, 2), exec(2, 1, "/bin/curl", "x"), exit(2, 0), flow(2, 1, tape.Flow{Network: "tcp", Remote: "203.0.113.1:80"})), w)
	if w.last.Executable != "/bin/curl" || len(w.last.Ancestors()) != 1 || len(r.Run.Processes) != 2 {
		t.Errorf("the flow is of %q with %d ancestors; processes: %v", w.last.Executable, len(w.last.Ancestors()), r.Run.Processes)
	}
	r = run(t, whole(tape.End{Reason: tape.Exited}, exec(1, 0, "/app"), flow(7, 1, tape.Flow{Network: "tcp", Remote: "203.0.113.1:80"})), w)
	if w.last.Executable != "" || len(r.Run.Processes) != 1 {
		t.Errorf("a flow of nobody known is of %q; processes: %v", w.last.Executable, r.Run.Processes)
	}
	var crowd []*tape.Event
	for i := range int32(1100) {
		crowd = append(crowd, fork(1, i+2), exit(i+2, 0))
	}
	run(t, whole(tape.End{Reason: tape.Exited}, append(crowd, flow(2, 1, tape.Flow{Network: "tcp", Remote: "203.0.113.1:80"}))...), w)
	if w.last.PID != 0 {
		t.Errorf("process %d is remembered for ever", w.last.PID)
	}
}

func TestTheDigestOfTheNetworkIsBounded(t *testing.T) {
	var events []*tape.Event
	for i := range 3000 {
		fields := map[string]string{"a": fmt.Sprint(i) + strings.Repeat("x", 5000)}
		for f := range 40 {
			fields[fmt.Sprint("f", f)] = "y"
		}
		sum := fmt.Sprint(i)
		events = append(events,
			exchange(1, tape.HTTP{Method: "GET", URL: fmt.Sprint("http://a.example/", i, strings.Repeat("x", 9000)), ResponseBody: &tape.Body{Size: 1, SHA256: sum}}),
			message(1, uint64(i+1), "irc", "PRIVMSG", fields),
			&tape.Event{Kind: tape.TLSHandshake, PID: 1, TLS: &tape.TLS{SNI: sum, Rejected: true}},
			&tape.Event{Kind: tape.BaitSent, PID: 1, Flow: 1, Bait: &tape.Bait{Name: sum}},
			flow(1, uint64(i+1), tape.Flow{Network: "udp", Remote: fmt.Sprint("203.0.113.1:", i+1), Name: strings.Repeat("n", 9000)}))
	}
	r := run(t, whole(tape.End{Reason: tape.Exited}, events...)).Run
	for name, n := range map[string]int{
		"connections": len(r.Connections), "requests": len(r.Requests), "messages": len(r.Messages), "rejections": len(r.Rejections),
		"baits": len(r.Baits), "bodies": len(r.Bodies), "notes": len(r.Notes) * 1000 / 6,
	} {
		if n != 1000 {
			t.Errorf("%s: %d are listed", name, n)
		}
	}
	if m := r.Messages[0]; len(m.Fields) != 16 || len(m.Remote) > 5000 {
		t.Errorf("a message of %d fields to %d bytes", len(m.Fields), len(m.Remote))
	}
	if n := len(r.Requests[0].URL); n != 4096 {
		t.Errorf("a URL of %d bytes", n)
	}
}
