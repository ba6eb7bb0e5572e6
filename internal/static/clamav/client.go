package clamav

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	// chunk is how many bytes are sent at once, maxReply how many are read of an answer.
	chunk    = 64 << 10
	maxReply = 4 << 10
	// maxSignature is how long the name of a signature may be.
	maxSignature = 200
	// dialTime is the most time to connect, askTime to ask for something small.
	dialTime = 5 * time.Second
	askTime  = 10 * time.Second
)

var (
	errDial  = errors.New("connect to clamd")
	errReply = errors.New("clamd's answer is not understood")
	// errTooLarge is what [static.Analyzer] wants of a file that is more work than it is
	// worth: it is not read, and that is told.
	errTooLarge = fmt.Errorf("clamd takes no file of this size: %w", context.DeadlineExceeded)
)

// client speaks to clamd, as clamd(8) has it: a command that begins with z ends with a
// zero byte, and so does its answer.
type client struct{ network, address string }

// dial connects. The connection can be used until ctx ends; done ends its use.
func (c client) dial(ctx context.Context) (conn net.Conn, done func(), err error) {
	conn, err = (&net.Dialer{Timeout: dialTime}).DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errDial, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // whoever reads or writes sees it
	return conn, func() { stop(); _ = conn.Close() }, nil
}

// ask sends a command that has no data.
func (c client) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	conn, done, err := c.dial(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if _, err := io.WriteString(conn, "z"+command+"\x00"); err != nil {
		return "", either(ctx, err)
	}
	reply, err := readReply(conn)
	return reply, either(ctx, err)
}

// stream sends size bytes of a content and returns what clamd says of it. clamd may answer
// before it has all, and hang up.
func (c client) stream(ctx context.Context, in io.ReaderAt, size int64) (string, error) {
	conn, done, err := c.dial(ctx)
	if err != nil {
		return "", either(ctx, err)
	}
	defer done()
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // ends when there is an answer, or the connection is closed
		text, err := readReply(conn)
		answers <- answer{text, err}
	}()
	sent, err := send(conn, io.NewSectionReader(in, 0, size))
	if err != nil && !sent {
		done()
		<-answers
		return "", either(ctx, fmt.Errorf("read file: %w", err))
	}
	a := <-answers
	if a.err != nil {
		return "", either(ctx, errors.Join(err, a.err))
	}
	return a.text, nil
}

// send sends a content in chunks, each after its length, and none at its end. An error of
// the connection is told from one of the content by sent.
func send(conn io.Writer, in io.Reader) (sent bool, err error) {
	if _, err := io.WriteString(conn, "zINSTREAM\x00"); err != nil {
		return true, err
	}
	b := make([]byte, 4+chunk)
	for {
		n, rerr := io.ReadFull(in, b[4:])
		if rerr != nil && !errors.Is(rerr, io.EOF) && !errors.Is(rerr, io.ErrUnexpectedEOF) {
			return false, rerr
		}
		if n > 0 {
			binary.BigEndian.PutUint32(b, uint32(n)) //nolint:gosec // of a chunk
			if _, err := conn.Write(b[:4+n]); err != nil {
				return true, err
			}
		}
		if rerr != nil {
			_, err := conn.Write([]byte{0, 0, 0, 0})
			return true, err
		}
	}
}

// either is the error of ctx, if that has ended, or err.
func either(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// readReply reads an answer to its zero byte.
func readReply(in io.Reader) (string, error) {
	text, err := bufio.NewReader(io.LimitReader(in, maxReply)).ReadString(0)
	switch {
	case err == nil:
		return strings.TrimRight(text, "\x00"), nil
	case errors.Is(err, io.EOF) && len(text) >= maxReply:
		return "", fmt.Errorf("%w: it is longer than %d bytes", errReply, maxReply)
	case errors.Is(err, io.EOF):
		return "", fmt.Errorf("%w: clamd hung up", io.ErrUnexpectedEOF)
	}
	return "", err
}

// parseReply reads what clamd says of a file: the name of a signature, or nothing.
func parseReply(text string) (signature string, err error) {
	body := strings.TrimPrefix(text, "stream: ")
	switch {
	case body == "OK" && body != text:
		return "", nil
	case strings.HasSuffix(body, " ERROR"):
		body = strings.TrimSuffix(body, " ERROR")
		if strings.Contains(body, "size limit exceeded") {
			return "", errTooLarge
		}
		return "", fmt.Errorf("clamd: %.200q", body)
	}
	signature, ok := strings.CutSuffix(body, " FOUND")
	if at := strings.LastIndexByte(signature, '('); at > 0 && strings.HasSuffix(signature, ")") {
		signature = signature[:at] // ExtendedDetectionInfo: the hash and the size of the file
	}
	if !ok || body == text || !isWord(signature) {
		return "", fmt.Errorf("%w: %.80q", errReply, text)
	}
	return signature, nil
}
