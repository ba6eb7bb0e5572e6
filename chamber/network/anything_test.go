package network_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Whatever is said at whatever port, the flow ends and no server of ours fails.
// It takes the place of a fuzz test, which gVisor does not compile for; the
// parsers behind it are fuzzed where they are.
func TestAnything(t *testing.T) {
	seeds := []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n5\r\n\x1f\x8b\x08\x00\x00\r\n0\r\n\r\n",
		"\x05\x01\x00\x05\x01\x00\x03\x01a\x00\x50GET / HTTP/1.0\r\n\r\n", "\x00\x0c\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00",
		`{"id":1,"method":"login","params":{"login":"x"}}` + "\n", "EHLO a\r\nSTARTTLS\r\n\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "NICK a\r\nUSER a\r\n",
		"*1\r\n$4\r\nINFO\r\n", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00",
	}
	s := newSubject(t, network.Options{Plan: plan.Internet{NoProbe: true, ResolveRandom: true}})
	random := rand.New(rand.NewPCG(1, 2)) // the same every time
	for i := range 600 {
		text := mutated(random, seeds[i%len(seeds)])
		began := len(s.seen(tape.FlowEnded))
		port := []string{"80", "53", "25", "443", "9999"}[random.IntN(5)]
		c, err := s.dial(t.Context(), "tcp", "198.51.100.9:"+port)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Second)) // it is open
		_, _ = c.Write([]byte(text))                   // it may be closed already
		c.Close()
		wait(t, func() bool { return len(s.seen(tape.FlowEnded)) > began })
		if slices.Contains(s.Reached(), "servers") {
			t.Fatalf("a server failed at %q", text)
		}
	}
}

// mutated changes some bytes of text.
func mutated(random *rand.Rand, text string) string {
	b := []byte(text)
	for range random.IntN(4) {
		switch i := random.IntN(len(b)); random.IntN(4) {
		case 0:
			b[i] = byte(random.Uint32())
		case 1:
			b = slices.Insert(b, i, []byte(strings.Repeat(string(b[i]), random.IntN(300)))...)
		case 2:
			b = b[:i+1]
		case 3:
			b = slices.Insert(b, i, 0xff, 0xff)
		}
	}
	return string(b)
}
