package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/network/hello"
	"github.com/detonaut/detonaut/chamber/network/pki"
	"github.com/detonaut/detonaut/chamber/tape"
)

// handshakeTime is how long a client may take to agree on TLS.
const handshakeTime = 10 * time.Second

// Bounds on what of a client's hello is on the tape.
const (
	maxServerName = 255
	maxALPN       = 16
)

// serveTLS agrees on TLS and serves what is inside.
func (n *Internet) serveTLS(ctx context.Context, s *stream) error {
	inner, err := n.handshake(ctx, s)
	if err != nil {
		return err
	}
	in := s.within(inner)
	in.tls, in.alpn = true, inner.ConnectionState().NegotiatedProtocol
	if name := inner.ConnectionState().ServerName; name != "" {
		in.host = name
	}
	return n.dispatch(ctx, in)
}

// handshake agrees on TLS with a client that has said hello, or is about to,
// and writes down what came of it.
func (n *Internet) handshake(ctx context.Context, s *stream) (*tls.Conn, error) {
	s.flow.speaks("tls")
	e := &tape.TLS{JA4: fingerprint(s)}
	shown := false
	config := n.authority.Config(pki.ConfigOptions{
		Name: s.host, Address: s.flow.remote.Addr(), KeyLog: n.keyLog(),
		Hello: func(h *tls.ClientHelloInfo) {
			e.SNI = decode.Printable(h.ServerName[:min(len(h.ServerName), maxServerName)])
			for _, p := range h.SupportedProtos[:min(len(h.SupportedProtos), maxALPN)] {
				e.ALPN = append(e.ALPN, decode.Printable(p))
			}
		},
		Leaf: func(name string) { e.Certificate, shown = name, true },
	})
	c := tls.Server(cleartext{s}, config)
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if err != nil {
		e.Error, e.Rejected = decode.Printable(err.Error()), pki.Rejected(err, shown)
		n.record(s.flow, &tape.Event{Kind: tape.TLSHandshake, TLS: e})
		return nil, fmt.Errorf("agree on TLS: %w", err)
	}
	state := c.ConnectionState()
	e.Version, e.Cipher, e.Protocol = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.NegotiatedProtocol
	n.record(s.flow, &tape.Event{Kind: tape.TLSHandshake, TLS: e})
	return c, nil
}

// cleartext is a stream whose bytes are not looked at: they are TLS records.
type cleartext struct{ *stream }

func (c cleartext) Read(b []byte) (int, error) { return c.reader.Read(b) }

// fingerprint is the JA4 of the hello that s begins with; empty if it does not
// fit the buffer or is none.
func fingerprint(s *stream) string {
	for size := 5; size <= readBuffer; {
		head, err := s.peek(size, silence)
		h, perr := hello.Parse(head)
		switch {
		case perr == nil:
			return h.JA4()
		case err != nil || !errors.Is(perr, hello.ErrIncomplete):
			return ""
		}
		size = len(head) + 1
	}
	return ""
}

// keyLog is where the secrets of TLS go: into the capture, which can be read
// with them.
func (n *Internet) keyLog() io.Writer {
	if n.capture == nil {
		return nil
	}
	return secrets{n}
}

type secrets struct{ n *Internet }

func (s secrets) Write(line []byte) (int, error) {
	if err := s.n.capture.Secrets(line); err != nil {
		s.n.bound("capture")
	}
	return len(line), nil
}
