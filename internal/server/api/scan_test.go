package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

func TestSubmit(t *testing.T) {
	s := newServer(t)
	ann, bob := s.as(s.newKey(store.ScopeSubmit)), s.as(s.newKey(store.ScopeSubmit))
	body := api.NewScan{Ref: "alpine:3", Options: api.ScanOptions{Profile: "time", Duration: int64(time.Minute)}}

	res := ann.post("/api/v1/scans", body, "Idempotency-Key", "one").is(202)
	sub := read[store.Submission](res)
	if sub.Ref != "alpine:3" || sub.State != store.Queued || sub.Options.Duration != time.Minute || res.header.Get("Location") != "/api/v1/scans/"+sub.ID {
		t.Fatalf("got %+v at %s", sub, res.header.Get("Location"))
	}
	if again := read[store.Submission](ann.post("/api/v1/scans", body, "Idempotency-Key", "one").is(202)); again.ID != sub.ID {
		t.Errorf("sent twice, it is %s and %s", sub.ID, again.ID)
	}
	ann.post("/api/v1/scans", api.NewScan{Ref: "other"}, "Idempotency-Key", "one").is(409)
	other := read[store.Submission](bob.post("/api/v1/scans", body, "Idempotency-Key", "one").is(202))
	if other.ID == sub.ID {
		t.Error("the key of one owner is that of another")
	}

	// Whose one is only its owner and an administrator see, and only these cancel it.
	for client, want := range map[*server]bool{ann: true, bob: false, s: true} {
		got := read[store.Submission](client.get(res.header.Get("Location")).is(200))
		if (got.Owner != "") != want {
			t.Errorf("got the owner %q, want one: %v", got.Owner, want)
		}
	}
	if got := read[api.List[store.Submission]](ann.get("/api/v1/scans").is(200)); len(got.Items) != 2 || got.Items[0].ID != other.ID || got.Items[0].Owner != "" {
		t.Errorf("got %+v", got)
	}
	if got := read[api.List[store.Submission]](ann.get("/api/v1/scans?mine=true").is(200)); len(got.Items) != 1 || got.Items[0].ID != sub.ID {
		t.Errorf("got %+v", got)
	}
	bob.do(http.MethodDelete, "/api/v1/scans/"+sub.ID, "").is(403)
	ann.do(http.MethodDelete, "/api/v1/scans/"+sub.ID, "").is(204)
	ann.do(http.MethodDelete, "/api/v1/scans/"+sub.ID, "").is(409)
	if got := read[store.Submission](ann.get("/api/v1/scans/" + sub.ID).is(200)); got.State != store.Cancelled {
		t.Errorf("got %s", got.State)
	}

	// All of it is in the log.
	var deeds []string
	for _, d := range read[api.List[store.Deed]](s.get("/api/v1/audit?limit=200").is(200)).Items {
		deeds = append(deeds, d.What+" "+d.About)
		if d.Who == "" || d.From != "127.0.0.1" {
			t.Errorf("got %+v, want who and from where", d)
		}
	}
	if got := strings.Join(deeds, ", "); !strings.Contains(got, "cancel "+sub.ID) || strings.Count(got, "submit alpine:3") != 3 {
		t.Errorf("got %s", got)
	}
}

// Nobody fills the queue for all.
func TestPending(t *testing.T) {
	s := newServer(t, func(o *api.Options, _ *guard.Options) { o.Waiting.Pending = 2 })
	ann, bob := s.as(s.newKey(store.ScopeSubmit)), s.as(s.newKey(store.ScopeSubmit))
	first := read[store.Submission](ann.post("/api/v1/scans", api.NewScan{Ref: "a"}).is(202))
	ann.post("/api/v1/scans", api.NewScan{Ref: "b"}).is(202)
	ann.post("/api/v1/scans", api.NewScan{Ref: "c"}).is(429)
	bob.post("/api/v1/scans", api.NewScan{Ref: "c"}).is(202)
	s.end(first.ID)
	ann.post("/api/v1/scans", api.NewScan{Ref: "c"}).is(202)
}

// event is one that a follower was told.
type event struct{ id, name, data string }

// stream is an open connection of one.
type stream struct {
	t      *testing.T
	status int
	header http.Header
	lines  *bufio.Scanner
	leave  func()
	pings  int
}

func (s *server) follow(id, last string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/scans/"+id+"/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	leave := func() { cancel(); res.Body.Close() }
	s.t.Cleanup(leave)
	return &stream{t: s.t, status: res.StatusCode, header: res.Header, lines: bufio.NewScanner(res.Body), leave: leave}
}

// next waits for an event; ok is false at the end.
func (s *stream) next() (e event, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch {
		case s.lines.Text() == ": ping":
			s.pings++
		case name == "id":
			e.id = value
		case name == "event":
			e.name = value
		case name == "data":
			e.data = value
		case s.lines.Text() == "" && e.name != "":
			return e, true
		}
	}
	return e, false
}

func (s *server) tell(id string, kinds ...string) {
	s.t.Helper()
	for _, k := range kinds {
		if err := s.store.AddProgress(s.t.Context(), id, []store.Progress{{Kind: k, Data: json.RawMessage(`{"text":"a\nb"}`)}}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// What is told of a submission reaches who follows it, from the start or from where the
// connection was lost, until it has ended.
func TestFollow(t *testing.T) {
	s := newServer(t)
	sub := read[store.Submission](s.post("/api/v1/scans", api.NewScan{Ref: "a"}).is(202))
	s.tell(sub.ID, "state", "stage")
	f := s.follow(sub.ID, "")
	if f.status != 200 || f.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d and %v", f.status, f.header)
	}
	want := func(f *stream, id, name string) {
		t.Helper()
		e, ok := f.next()
		if !ok || e.id != id || e.name != name {
			t.Fatalf("got %+v, want %s %s", e, id, name)
		}
		if id == "" {
			return
		}
		var p store.Progress
		if err := json.Unmarshal([]byte(e.data), &p); err != nil || fmt.Sprint(p.Number) != id {
			t.Errorf("got %s", e.data)
		}
	}
	want(f, "1", "state")
	want(f, "2", "stage")
	s.tell(sub.ID, "event", "evil\nid: 99")
	want(f, "3", "event")
	want(f, "4", "message")

	again := s.follow(sub.ID, "3")
	want(again, "4", "message")
	s.tell(sub.ID, "note")
	s.end(sub.ID)
	for _, f := range []*stream{f, again} {
		want(f, "5", "note")
		want(f, "6", "state") // a worker has it
		want(f, "7", "state") // and fails
		want(f, "", "end")
		if e, ok := f.next(); ok {
			t.Errorf("after the end came %+v", e)
		}
	}
	// Who comes late has all of it, who comes again with all of it need not.
	late := s.follow(sub.ID, "")
	want(late, "1", "state")
	if back := s.follow(sub.ID, "7"); back.status != 204 {
		t.Errorf("got %d, want 204", back.status)
	}
	s.get("/api/v1/scans/"+sub.ID+"/events", "Last-Event-ID", "x").is(422)
}

// Those who wait hear that they are not forgotten, are not too many, and are sent away when
// the server is to end.
func TestFollowers(t *testing.T) {
	s := newServer(t, func(o *api.Options, _ *guard.Options) { o.Waiting.Watchers, o.Waiting.Each = 3, 2 })
	sub := read[store.Submission](s.post("/api/v1/scans", api.NewScan{Ref: "a"}).is(202))
	s.tell(sub.ID, "state")
	bob, eve := s.as(s.newKey(store.ScopeRead)), s.as(s.newKey(store.ScopeRead))
	first, second := s.follow(sub.ID, ""), s.follow(sub.ID, "")
	s.get("/api/v1/scans/" + sub.ID + "/events").is(503)
	third := bob.follow(sub.ID, "")
	if res := eve.get("/api/v1/scans/" + sub.ID + "/events").is(503); res.header.Get("Retry-After") == "" {
		t.Error("nobody says when to come again")
	}
	for _, f := range []*stream{first, second, third} {
		if _, ok := f.next(); !ok {
			t.Fatal("nothing was told")
		}
	}
	// Whoever leaves makes room.
	third.leave()
	for {
		if f := eve.follow(sub.ID, ""); f.status == 200 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("there is no room")
		}
	}
	for first.pings == 0 {
		if !first.lines.Scan() {
			t.Fatal("the connection ended")
		}
		if first.lines.Text() == ": ping" {
			first.pings++
		}
	}
	close(s.closing)
	for _, f := range []*stream{first, second} {
		for f.lines.Scan() {
		}
		if err := f.lines.Err(); err != nil {
			t.Error(err)
		}
	}
}
