package egress

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestErrorsComeOver(t *testing.T) {
	for _, tc := range []struct {
		err error
		is  error
	}{
		{errBytes, ErrBound},
		{fmt.Errorf("%w: the address is private", ErrRefused), ErrRefused},
		{errors.Join(ErrNotFound), ErrNotFound},
		{errors.New(strings.Repeat("x", 2*maxText)), nil},
	} {
		var r reply
		r.setError(tc.err)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseReply(b)
		if err != nil {
			t.Fatal(err)
		}
		got := again.err()
		if got == nil || !strings.HasPrefix(tc.err.Error(), got.Error()) || len(got.Error()) > maxText {
			t.Errorf("%v came over as %v", tc.err, got)
		}
		for _, is := range []error{ErrRefused, ErrBound, ErrNotFound} {
			if errors.Is(got, is) != errors.Is(tc.is, is) {
				t.Errorf("%v: is %v: %v", got, is, errors.Is(got, is))
			}
		}
	}
}

// FuzzParseRequest: what is let through is bounded, and the same again.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"id":1,"op":"dial","host":"host.example","port":80}`))
	f.Add([]byte(`{"id":18446744073709551615,"op":"resolve","host":"HOST.example."}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err != nil {
			return
		}
		if len(q.Host) > maxName+1 || q.Op != opDial && q.Op != opResolve {
			t.Fatalf("got %+v", q)
		}
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRequest(text)
		if diff := cmp.Diff(q, again); err != nil || diff != "" {
			t.Fatalf("%v (-once +twice):\n%s", err, diff)
		}
	})
}

// FuzzParseReply: the same of answers.
func FuzzParseReply(f *testing.F) {
	f.Add([]byte(`{"id":1,"outcome":"done","remote":"1.1.1.1:80"}`))
	f.Add([]byte(`{"id":1,"outcome":"done","addrs":["1.1.1.1","2606:4700::1"]}`))
	f.Add([]byte(`{"id":1,"end":true,"outcome":"refused","text":"refused: no"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseReply(b)
		if err != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxMessage {
			return // escaped
		}
		again, err := parseReply(text)
		diff := cmp.Diff(r, again, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty())
		if err != nil || diff != "" {
			t.Fatalf("%v (-once +twice):\n%s", err, diff)
		}
	})
}

// FuzzServe: whatever packets an inner process sends, the server ends with it,
// and with nothing open.
func FuzzServe(f *testing.F) {
	f.Add([]byte(`{"id":1,"op":"resolve","host":"host.example"}`), []byte(`{"id":1,"op":"dial","host":"host.example","port":80}`))
	f.Add([]byte(`{"id":1,"op":"dial","host":"127.0.0.1","port":80}`), []byte("\x00"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s := NewStagedServer(policy(t, "*"), Stage{Names: map[string][]netip.Addr{"host.example": {hostAddr}}})
		v := serve(t, s)
		v.inner.Write(first) // fails if it is too long for the socket, or the server has ended
		v.inner.Write(second)
		v.inner.Close()
		<-v.done
		if s.budget.open != 0 {
			t.Errorf("%d connections are open", s.budget.open)
		}
	})
}
