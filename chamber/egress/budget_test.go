package egress

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/plan"
)

func TestBucket(t *testing.T) {
	start := time.Unix(1000, 0)
	b := bucket{rate: 2}
	var got []bool
	for _, ms := range []int{0, 0, 0, 400, 500, 500, 999, 1000, 60_000, 60_000, 60_000, 59_000} {
		got = append(got, b.take(start.Add(time.Duration(ms)*time.Millisecond)))
	}
	want := []bool{true, true, false, false, true, false, false, true, true, true, false, false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBudgetOfConnections(t *testing.T) {
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{1, 1, 1, byte(i)}) }
	now := time.Unix(1000, 0)
	wide := plan.Egress{Bytes: 1, Connections: 1000, Rate: 1000}
	for _, tc := range []struct {
		name  string
		e     plan.Egress
		to    func(i int) netip.Addr
		first int // how many may begin
		want  string
	}{
		{"to one address", wide, func(int) netip.Addr { return addr(0) }, maxOpenPerAddr, "16 connections to the address are open"},
		{"at a time", wide, addr, maxOpen, "64 connections are open"},
		{"in all", plan.Egress{Bytes: 1, Connections: 3, Rate: 1000}, addr, 3, "the run has had all of its connections"},
		{"in a second", plan.Egress{Bytes: 1, Connections: 1000, Rate: 5}, addr, 5, "more than 5 connections in a second"},
		{"without bytes", plan.Egress{Connections: 1000, Rate: 5}, addr, 0, "the run has sent and received all of its bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBudget(tc.e)
			for i := range tc.first {
				if err := b.begin(tc.to(i), now); err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
			}
			if got := verdict(t, b.begin(tc.to(tc.first), now)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			for i := range tc.first {
				b.end(tc.to(i))
			}
			if b.open != 0 || len(b.perAddr) != 0 {
				t.Errorf("at the end %d are open, to %v", b.open, b.perAddr)
			}
		})
	}
}

func TestBudgetOfLookups(t *testing.T) {
	b := newBudget(plan.Egress{Connections: 2, Rate: 1})
	now := time.Unix(1000, 0)
	var got []string
	for i := range 10 {
		got = append(got, verdict(t, b.lookup(now.Add(time.Duration(i/5)*time.Second))))
	}
	want := []string{"", "", "", "", "more than 4 lookups in a second", "", "", "", "", "the run has had all of its lookups"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBudgetOfBytes(t *testing.T) {
	b := newBudget(plan.Egress{Bytes: 10})
	if diff := cmp.Diff([]int{6, 4, 0}, []int{b.take(6), b.take(6), b.take(6)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
