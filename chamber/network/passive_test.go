package network

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever asks for a port gets its one connection, or none; and a connection
// that nobody takes does not stay.
func TestPassive(t *testing.T) {
	addr := netip.MustParseAddr("198.51.100.7")
	for _, tc := range []struct {
		name           string
		connects       bool
		accepts, later bool // accepts at once, or when it is overdue
		ends           bool // the internet does
		taken, closed  bool
	}{
		{name: "used", connects: true, accepts: true, taken: true},
		{name: "nobody comes", accepts: true},
		{name: "nobody accepts", connects: true, closed: true},
		{name: "accepted too late", connects: true, later: true, closed: true},
		{name: "the end", accepts: true, ends: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var p passives
				at, accept, err := p.open(ctx, addr)
				if err != nil {
					t.Fatal(err)
				}
				near, far := net.Pipe()
				defer far.Close()
				if tc.connects && (!p.give(at, near) || p.give(at, near)) {
					t.Fatal("a port takes none, or two")
				}
				began := time.Now()
				if tc.ends {
					cancel()
				}
				if tc.later {
					<-time.After(2 * passiveWait)
				}
				if tc.accepts || tc.later {
					c, err := accept()
					if (c != nil) != tc.taken || (err == nil) != tc.taken {
						t.Errorf("accepted %v, %v", c, err)
					}
				}
				if tc.ends && time.Since(began) != 0 {
					t.Errorf("it waited for %v", time.Since(began))
				}
				<-time.After(2 * passiveWait)
				_ = far.SetReadDeadline(time.Now().Add(time.Second))
				if _, err := far.Read(make([]byte, 1)); errors.Is(err, io.EOF) != tc.closed {
					t.Errorf("reading at the other end: %v", err)
				}
			})
		})
	}
}
