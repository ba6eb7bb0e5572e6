package tables

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
)

// maxReport is the size of the JSON of the largest report that is kept, in bytes.
const maxReport = 512 << 20

// Both are used by many goroutines at once. Errors are of options alone, and are tested.
var (
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedDefault))
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxReport))
)

// pack makes the body of a report.
func pack(r *detonaut.Report) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("pack report: %w", err)
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("pack report: it has %d bytes, more than %d", len(text), maxReport)
	}
	return encoder.EncodeAll(text, nil), nil
}

// unpack reads it again.
func unpack(body []byte) (*detonaut.Report, error) {
	text, err := decoder.DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack report: %w", err)
	}
	r := &detonaut.Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("unpack report: %w", err)
	}
	return r, nil
}

// packIDs makes bytes of ids: of each its distance to the one before, as a varint. It sorts
// them.
func packIDs(ids []int64) []byte {
	slices.Sort(ids)
	b := []byte{}
	before := int64(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-before)) //nolint:gosec // they are sorted, and positive
		before = id
	}
	return b
}

var errIDs = errors.New("read ids of facts: no such bytes were written")

// unpackIDs reads them again.
func unpackIDs(b []byte) (ids []int64, err error) {
	id := int64(0)
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 || d >= 1<<62 || id >= 1<<62 {
			return nil, errIDs
		}
		id += int64(d) //nolint:gosec // it is small
		ids = append(ids, id)
		b = b[n:]
	}
	return ids, nil
}
