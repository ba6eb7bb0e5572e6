package cassette

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve returns the client's end of a connection that handle serves, and waits
// for that at the end of the test.
func serve(t *testing.T, handle func(*net.TCPConn)) *net.TCPConn {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	var server sync.WaitGroup
	server.Go(func() {
		defer s.Close()
		handle(s)
	})
	t.Cleanup(func() {
		c.Close()
		server.Wait()
	})
	return c
}

// greeter greets, answers each line, and says good-bye to the line "quit".
func greeter(c *net.TCPConn) {
	fmt.Fprint(c, "hello\n")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if lines.Text() == "quit" {
			fmt.Fprint(c, "bye\n")
			return
		}
		fmt.Fprintf(c, "you said %d bytes\n", len(lines.Text()))
	}
	fmt.Fprint(c, strings.Repeat("you have left.\n", 20_000)) // more than one chunk
}

// talk is a client that waits for each answer; it returns what it heard.
func talk(t *testing.T, c *net.TCPConn, quit bool) string {
	t.Helper()
	var heard strings.Builder
	in := bufio.NewReader(io.TeeReader(c, &heard))
	say := func(s string) {
		if _, err := in.ReadString('\n'); err != nil {
			t.Error(err)
		}
		io.WriteString(c, s)
	}
	say("one\n")
	say("and two\n")
	if quit {
		say("quit\n")
	} else {
		c.CloseWrite()
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Error(err)
	}
	return heard.String()
}

// record carries c to a real server and back, as a live run does.
func record(r *Recorder, real net.Conn, c *net.TCPConn) {
	s := r.Stream("Host.example", 4444)
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(s.Server(c), real)
		s.End()
		c.CloseWrite()
	})
	io.Copy(real, s.Client(c))
	real.(*net.TCPConn).CloseWrite()
	back.Wait()
}

func TestStream(t *testing.T) {
	var b bytes.Buffer
	r := NewRecorder(&b)
	var want []string
	for _, quit := range []bool{true, false} {
		real := serve(t, greeter)
		heard := make(chan struct{})
		c := serve(t, func(c *net.TCPConn) { record(r, real, c); close(heard) })
		want = append(want, talk(t, c, quit))
		c.Close()
		<-heard
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if want[0] != "hello\nyou said 3 bytes\nyou said 7 bytes\nbye\n" {
		t.Fatalf("heard %q", want[0])
	}
	p := play(t, b.Bytes())
	for i, quit := range []bool{true, false, false} { // the last one again
		script, ok := p.Stream("host.example", 4444)
		if !ok {
			t.Fatal("it is not in the record")
		}
		c := serve(t, func(c *net.TCPConn) {
			if err := script.Serve(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
		if diff := cmp.Diff(want[min(i, 1)], talk(t, c, quit)); diff != "" {
			t.Errorf("connection %d (-real +played):\n%s", i, diff)
		}
	}
	if _, ok := p.Stream("host.example", 4445); ok {
		t.Error("another port is in the record")
	}
}

const (
	greeting = `{"cassette":1}
{"open":{"stream":1,"host":"host.example","port":4444}}
{"data":{"stream":1,"after":0,"data":"aGVsbG8K"}}
`
	waiting = greeting + `{"data":{"stream":1,"after":1000000,"data":"Ynll"}}
`
)

// A client that says less than the recorded one, and then ends, hears the rest.
func TestClientEndsEarly(t *testing.T) {
	script, _ := play(t, []byte(waiting)).Stream("host.example", 4444)
	c := serve(t, func(c *net.TCPConn) {
		if err := script.Serve(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	io.WriteString(c, "a few bytes")
	c.CloseWrite()
	if heard, err := io.ReadAll(c); err != nil || string(heard) != "hello\nbye" {
		t.Errorf("heard %q, %v", heard, err)
	}
}

func TestContextEnds(t *testing.T) {
	for name, text := range map[string]string{"before a chunk": waiting, "at the end": greeting} {
		t.Run(name, func(t *testing.T) {
			script, _ := play(t, []byte(text)).Stream("host.example", 4444)
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			c := serve(t, func(c *net.TCPConn) { served <- script.Serve(ctx, c) })
			if _, err := io.ReadFull(c, make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := <-served; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}
