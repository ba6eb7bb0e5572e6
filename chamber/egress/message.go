package egress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// Each message is one packet of JSON. A request has an answer of the same
// number; a connection that was handed out has an end of it as well, which
// comes before the end of its bytes.
const (
	maxMessage = 4 << 10
	maxText    = 512 // of an error
)

type operation string

const (
	opResolve operation = "resolve"
	opDial    operation = "dial"
)

type request struct {
	ID   uint64    `json:"id"`
	Op   operation `json:"op"`
	Host string    `json:"host"`
	Port uint16    `json:"port,omitempty"`
}

type outcome string

const (
	done     outcome = "done"
	refused  outcome = "refused"
	atBound  outcome = "bound"
	notFound outcome = "not-found"
	failed   outcome = "failed"
)

type reply struct {
	ID uint64 `json:"id"`
	// End is set in the end of a connection.
	End     bool    `json:"end,omitempty"`
	Outcome outcome `json:"outcome"`
	Text    string  `json:"text,omitempty"`
	// Addrs answers resolve; Remote answers dial, beside one end of a pair of
	// stream sockets.
	Addrs  []netip.Addr   `json:"addrs,omitempty"`
	Remote netip.AddrPort `json:"remote,omitzero"`
}

// parseRequest reads what the inner process asks, which may be anything.
func parseRequest(b []byte) (q request, err error) {
	if err := parse(b, &q); err != nil {
		return request{}, fmt.Errorf("read request: %w", err)
	}
	if (q.Op != opResolve && q.Op != opDial) || len(q.Host) > maxName+1 {
		return request{}, errors.New("read request: an unknown operation, or a long host")
	}
	return q, nil
}

func parseReply(b []byte) (r reply, err error) {
	if err := parse(b, &r); err != nil {
		return reply{}, fmt.Errorf("read answer: %w", err)
	}
	switch r.Outcome {
	case done, refused, atBound, notFound, failed:
		return r, nil
	default:
		return reply{}, fmt.Errorf("read answer: unknown outcome %q", r.Outcome)
	}
}

func parse(b []byte, into any) error {
	if len(b) > maxMessage {
		return fmt.Errorf("more than %d bytes", maxMessage)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// setError makes err the outcome of r.
func (r *reply) setError(err error) {
	switch {
	case err == nil:
		r.Outcome = done
		return
	case errors.Is(err, ErrBound):
		r.Outcome = atBound
	case errors.Is(err, ErrRefused):
		r.Outcome = refused
	case errors.Is(err, ErrNotFound):
		r.Outcome = notFound
	default:
		r.Outcome = failed
	}
	r.Text = err.Error()
	if len(r.Text) > maxText {
		r.Text = r.Text[:maxText]
	}
}

// err is the error that setError was given, as far as it came over.
func (r *reply) err() error {
	switch r.Outcome {
	case refused:
		return remoteError{r.Text, ErrRefused}
	case atBound:
		return remoteError{r.Text, ErrBound}
	case notFound:
		return remoteError{r.Text, ErrNotFound}
	case failed:
		return remoteError{r.Text, nil}
	default:
		return nil
	}
}

// remoteError has the text of an error of the outer process, which names what
// it wraps already.
type remoteError struct {
	text string
	is   error
}

func (e remoteError) Error() string { return e.text }
func (e remoteError) Unwrap() error { return e.is }
