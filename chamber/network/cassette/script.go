package cassette

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Script is how a server behaved on one connection. It may be served many
// times at once.
type Script struct{ lines *scriptLines }

type scriptLines struct {
	chunks []chunk
	// ended is set when the server said no more after after bytes.
	ended bool
	after int64
}

// chunk is what the server said once it had seen so many bytes of the client.
type chunk struct {
	after int64
	data  []byte
}

// past interrupts whatever waits on a connection.
var past = time.Unix(1, 0)

// Serve says what the server said, each part when the client has sent as many
// bytes as it had sent then; what it sends is not looked at. To a client that
// has ended the rest is said at once. It returns when the server had ended or,
// if it never did, when the client has.
//
// The caller closes conn, whose read deadline is over then.
func (s Script) Serve(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) }) // fails on a closed connection, which waits for nothing
	defer stop()
	c := newClient()
	var reader sync.WaitGroup
	reader.Go(func() { c.read(conn) })
	err := s.say(ctx, conn, c)
	_ = conn.SetReadDeadline(past)
	reader.Wait()
	if err != nil {
		return fmt.Errorf("play stream: %w", err)
	}
	return nil
}

func (s Script) say(ctx context.Context, conn net.Conn, c *client) error {
	for _, part := range s.lines.chunks {
		if c.wait(part.after); ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := conn.Write(part.data); err != nil {
			return err
		}
	}
	if s.lines.ended {
		c.wait(s.lines.after)
	} else {
		c.waitEnd()
	}
	return ctx.Err()
}

// client counts what the client says.
type client struct {
	mu    sync.Mutex
	more  sync.Cond
	heard int64
	ended bool
}

func newClient() *client {
	c := new(client)
	c.more.L = &c.mu
	return c
}

func (c *client) read(conn net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := conn.Read(buf)
		c.mu.Lock()
		c.heard += int64(n)
		c.ended = err != nil
		c.mu.Unlock()
		c.more.Broadcast()
		if err != nil {
			return
		}
	}
}

// wait returns when n bytes were heard, or no more will be.
func (c *client) wait(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.heard < n && !c.ended {
		c.more.Wait()
	}
}

func (c *client) waitEnd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ended {
		c.more.Wait()
	}
}

// scripts are the streams of a cassette.
type scripts struct {
	all []*scriptLines // by number, from 1

	mu      sync.Mutex
	targets map[string]*reel
}

// reel is the streams to one target.
type reel struct {
	all  []*scriptLines
	next int
}

func newScripts() *scripts { return &scripts{targets: map[string]*reel{}} }

func (s *scripts) open(e *openEntry) error {
	if e.Stream != len(s.all)+1 {
		return fmt.Errorf("%w: stream %d after %d", ErrInvalid, e.Stream, len(s.all))
	}
	lines := new(scriptLines)
	s.all = append(s.all, lines)
	key := target(e.Host, e.Port)
	if s.targets[key] == nil {
		s.targets[key] = new(reel)
	}
	s.targets[key].all = append(s.targets[key].all, lines)
	return nil
}

// stream returns the stream of that number, if it may go on after so many bytes
// of the client.
func (s *scripts) stream(number int, after int64) (*scriptLines, error) {
	if number < 1 || number > len(s.all) {
		return nil, fmt.Errorf("%w: stream %d was not opened", ErrInvalid, number)
	}
	lines := s.all[number-1]
	if lines.ended || after < lines.after {
		return nil, fmt.Errorf("%w: stream %d is over, or was further", ErrInvalid, number)
	}
	lines.after = after
	return lines, nil
}

func (s *scripts) data(e *dataEntry) error {
	lines, err := s.stream(e.Stream, e.After)
	switch {
	case err != nil:
		return err
	case len(e.Data) == 0 || len(e.Data) > maxChunk:
		return fmt.Errorf("%w: %d bytes in one entry of a stream", ErrInvalid, len(e.Data))
	}
	lines.chunks = append(lines.chunks, chunk{e.After, e.Data})
	return nil
}

func (s *scripts) close(e *doneEntry) error {
	lines, err := s.stream(e.Stream, e.After)
	if err != nil {
		return err
	}
	lines.ended = true
	return nil
}

func (s *scripts) next(key string) (Script, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.targets[key]
	if !ok {
		return Script{}, false
	}
	lines := r.all[min(r.next, len(r.all)-1)]
	r.next++
	return Script{lines}, true
}
