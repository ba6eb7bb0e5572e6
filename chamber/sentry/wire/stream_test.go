package wire

import (
	"bufio"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStreamRefusesEndlessLines(t *testing.T) {
	e, stream := newPipe(t)
	stream.r = bufio.NewReaderSize(stream.f, 4096)
	if _, err := unix.Write(e.end.FD(), make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Next(); err == nil {
		t.Error("a line without end was accepted")
	}
}
