package network_test

import (
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// An internet says when it is going to speak first, and that it is not once all
// that it does is listen.
func TestPending(t *testing.T) {
	s := newSubject(t, network.Options{Plan: plan.Internet{NoProbe: true}})
	if at, is := s.Pending(0); is {
		t.Fatalf("something is pending at %s before anything was said", at)
	}
	silent, err := s.dial(t.Context(), "tcp", "198.51.100.9:4711")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	wait(t, func() bool {
		at, is := s.Pending(0)
		until := time.Until(at)
		return is && until > time.Second && until < 5*time.Second // the patience with a silent client
	})
	// In no protocol that anybody speaks: it is listened to, for ever.
	if _, err := silent.Write([]byte("\x00\x01\x02 nobody knows\n")); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { _, is := s.Pending(0); return !is })
	silent.Close()
	wait(t, func() bool { return len(s.seen(tape.FlowEnded)) == 1 })
}

// Servers tell the time that the subject's clocks show.
func TestAhead(t *testing.T) {
	const days = 72 * time.Hour
	s := newSubject(t, network.Options{Ahead: func() time.Duration { return days }})
	r, err := s.client().Get("http://198.51.100.9/")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	date, err := time.Parse(time.RFC1123, r.Header.Get("Date"))
	if got := time.Until(date); err != nil || got < days-time.Hour || got > days+time.Hour {
		t.Errorf("the server's clock is ahead by %s, want %s: %v", got, days, err)
	}
}
