package network_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/tape"
)

// A server hears all that a subject said before it went, though nobody takes its
// answers, and one with a long answer does not wait for somebody to take it.
func TestPart(t *testing.T) {
	s := newSubject(t, network.Options{})
	deaf, err := s.dial(t.Context(), "tcp", "203.0.113.7:80")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := io.WriteString(deaf, "GET /large.iso HTTP/1.1\r\nHost: a.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	mail, err := s.dial(t.Context(), "tcp", "203.0.113.25:25")
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	greeting := make([]byte, 256)
	greeted, err := mail.Read(greeting)
	if err != nil || !strings.HasPrefix(string(greeting[:greeted]), "220 ") {
		t.Fatalf("%q, %v", greeting[:greeted], err)
	}
	s.Part()
	if _, err := io.WriteString(mail, "EHLO last\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n"); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(20 * time.Second)
	verbs := func() (all []string) {
		for _, e := range s.seen(tape.MessageReceive) {
			all = append(all, e.Message.Verb)
		}
		return all
	}
	for strings.Join(verbs(), " ") != "EHLO MAIL RCPT" {
		if time.Now().After(late) {
			t.Fatalf("there was heard %q", verbs())
		}
		time.Sleep(time.Millisecond)
	}
	s.close()
	if f := s.flow(25); f.Sent == 0 || f.Received != int64(greeted) {
		t.Errorf("%d bytes were sent, and %d received, want the greeting alone", f.Sent, f.Received)
	}
	if f := s.flow(80); f.Sent == 0 {
		t.Error("the request was not heard")
	}
}
