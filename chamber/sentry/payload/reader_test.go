package payload

import (
	"errors"
	"io"
	"testing"
)

func TestReaderEnds(t *testing.T) {
	slow := Reader(func(b []byte, off int64) (int, error) { // a byte at a time
		if off >= 5 {
			return 0, nil
		}
		return copy(b[:1], "hello"[off:]), nil
	})
	if b, err := io.ReadAll(io.NewSectionReader(slow, 0, 10)); string(b) != "hello" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	gone := errors.New("gone")
	broken := Reader(func([]byte, int64) (int, error) { return 0, gone })
	if _, err := io.ReadAll(io.NewSectionReader(broken, 0, 10)); !errors.Is(err, gone) {
		t.Errorf("what could not be read is taken for an end: %v", err)
	}
}
