package names

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/detonaut/detonaut/chamber/tape"
)

// maxStream is how many messages of one stream are answered. Resolvers that
// keep a connection open ask some dozens over it.
const maxStream = 4096

// ServeStream answers the messages of a stream, each behind its length (RFC
// 1035 section 4.2.2), and hands what was asked to record before it replies. It
// returns nil when the client has gone or asked too much, and does not close rw.
// A read is ended by closing rw, not by ctx.
func ServeStream(ctx context.Context, rw io.ReadWriter, z *Zone, transport string, record func([]tape.DNS)) error {
	var message bytes.Buffer
	for range maxStream {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("serve DNS: %w", err)
		}
		var length [2]byte
		if _, err := io.ReadFull(rw, length[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read DNS: %w", err)
		}
		message.Reset()
		// It grows with what comes, not with what was announced.
		if _, err := io.CopyN(&message, rw, int64(binary.BigEndian.Uint16(length[:]))); err != nil {
			return fmt.Errorf("read DNS: %w", err)
		}
		reply, answers := z.Answer(ctx, message.Bytes(), transport)
		record(answers)
		if reply == nil {
			return nil
		}
		if _, err := rw.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return fmt.Errorf("write DNS: %w", err)
		}
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.bound(boundQuestions)
	return nil
}
