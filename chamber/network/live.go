package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/network/cassette"
	"github.com/detonaut/detonaut/chamber/network/names"
)

// nameOptions are those of the zone. A live network asks whether a name exists,
// if its policy has it asked for; what it is answered with stays ours, so that
// addresses lead back to names.
func (n *Internet) nameOptions() names.Options {
	o := names.Options{ResolveRandom: n.opts.Plan.ResolveRandom, Known: n.known}
	if n.opts.Egress != nil {
		o.Resolve = func(ctx context.Context, name string) (bool, error) {
			_, err := n.opts.Egress.Resolve(ctx, name)
			exists := err == nil
			switch {
			case errors.Is(err, egress.ErrNotFound):
				err = nil
			case errors.Is(err, egress.ErrBound):
				n.bound("live")
				err = fmt.Errorf("%w: %w", names.ErrNotAsked, err)
			case errors.Is(err, egress.ErrRefused):
				err = fmt.Errorf("%w: %w", names.ErrNotAsked, err)
			}
			if err == nil && n.recorder != nil {
				n.recorded(n.recorder.Name(name, exists))
			}
			return exists, err
		}
	}
	return o
}

// known tells of the names of canned and of recorded answers.
func (n *Internet) known(name string) (exists, known bool) {
	for _, a := range n.opts.Plan.Answers {
		host := strings.ToLower(a.Host)
		if host == name || strings.HasPrefix(host, "*.") && strings.HasSuffix(name, host[1:]) {
			return true, true
		}
	}
	if n.player != nil {
		return n.player.Name(name)
	}
	return false, false
}

// recorded notes that the record is not whole.
func (n *Internet) recorded(err error) {
	if err != nil {
		n.bound("record")
	}
}

// relay carries a stream that is no HTTP to the record or the real internet;
// ok tells whether one had it.
func (n *Internet) relay(ctx context.Context, s *stream) (ok bool, err error) {
	if n.player != nil {
		if script, ok := n.player.Stream(s.host, s.port); ok {
			return true, script.Serve(ctx, s)
		}
	}
	if n.opts.Egress == nil {
		return false, nil
	}
	up, _, err := n.opts.Egress.Dial(ctx, s.host, s.port)
	if err != nil {
		n.refused(s.flow, err)
		return false, nil
	}
	s.flow.wentLive()
	if s.tls {
		// That this machine would not have trusted it is the subject's affair.
		secured, _, err := egress.UpstreamTLS(ctx, up, &tls.ClientHelloInfo{ServerName: s.host, SupportedProtos: s.protocols()})
		if err != nil {
			up.Close()
			return true, err
		}
		up = secured
	}
	var recording *cassette.Stream
	if n.recorder != nil {
		recording = n.recorder.Stream(s.host, s.port)
	}
	return true, n.carry(ctx, s, up, recording)
}

// protocols are those to agree on in the real TLS of a stream that is no HTTP.
func (s *stream) protocols() []string {
	if s.alpn == "" || s.alpn == "h2" || s.alpn == "http/1.1" {
		return nil
	}
	return []string{s.alpn}
}

// linger is how long a subject may go on when the real server has said all.
const linger = 10 * time.Second

// closeWriter is a connection one side of which can end.
type closeWriter interface{ CloseWrite() error }

// carry copies both ways until both ends are done: each may end what it says
// and go on to listen. It closes up. recording is nil for none.
func (n *Internet) carry(ctx context.Context, s *stream, up io.ReadWriteCloser, recording *cassette.Stream) error {
	defer up.Close()
	stop := context.AfterFunc(ctx, func() { up.Close() })
	defer stop()
	down, from := io.Writer(s.Conn), io.Reader(readerOnly{s})
	if recording != nil {
		down, from = recording.Server(down), recording.Client(from)
	}
	said := false // by the server: all
	var back sync.WaitGroup
	back.Go(func() {
		_, err := io.Copy(down, up)
		n.refused(s.flow, err)
		if recording != nil {
			recording.End()
		}
		if w, ok := s.Conn.(closeWriter); ok && err == nil && w.CloseWrite() == nil && ctx.Err() == nil {
			said = true
			_ = s.SetReadDeadline(time.Now().Add(linger))
			return
		}
		said = err == nil
		_ = s.SetReadDeadline(past)
	})
	_, err := io.Copy(up, from)
	if w, ok := up.(closeWriter); !ok || err != nil || w.CloseWrite() != nil {
		up.Close()
	}
	back.Wait()
	if said && isTimeout(err) {
		return nil // it was us who ended it
	}
	return err
}

// refused notes that the policy of the live network, or a bound of it, kept a
// flow from reaching it, or ended it; or that nobody could be reached there.
func (n *Internet) refused(f *flow, err error) {
	if err == nil || n.ctx.Err() != nil {
		return
	}
	if errors.Is(err, egress.ErrBound) {
		n.bound("live")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case errors.Is(err, egress.ErrRefused):
		f.refused, f.cut = "policy", f.live
	case f.refused == "":
		f.refused = "unreachable"
	}
}
