package capture_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network/capture"
)

// Types of blocks.
const (
	section    = 0x0A0D0D0A
	device     = 1
	statistic  = 5
	packet     = 6
	decryption = 10
)

// TestSecretsOvertake shows that secrets come before the packets that passed
// shortly before them, and that these come in their order all the same.
func TestSecretsOvertake(t *testing.T) {
	c, file := newCapture(t, capture.Options{})
	w := &wire{t: t, to: c}
	w.stream(true, []byte("encrypted"))
	if err := c.Secrets([]byte("CLIENT_RANDOM 00 00\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Fatal(err)
	}
	types, _ := blocks(t, file.Bytes())
	if diff := cmp.Diff([]uint32{section, device, decryption, packet, statistic}, types); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	for _, err := range []error{c.Packet(begin, true, []byte("late")), c.Secrets([]byte("late"))} {
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("after the end: got %v, want %v", err, io.ErrClosedPipe)
		}
	}
}

func TestSecretsAreBounded(t *testing.T) {
	c, file := newCapture(t, capture.Options{})
	if err := errors.Join(c.Secrets([]byte(strings.Repeat("x", 10_000))), c.Close()); err != nil {
		t.Fatal(err)
	}
	if file.Len() > 1000 || len(c.Bounds()) == 0 {
		t.Errorf("a secret of 10,000 bytes was written to %d, bounds %v", file.Len(), c.Bounds())
	}
}

// TestOrder captures more than is held back: packets stay in their order.
func TestOrder(t *testing.T) {
	c, file := newCapture(t, capture.Options{})
	w := &wire{t: t, to: c}
	for range 200 {
		w.stream(true, make([]byte, 1000))
	}
	if n := file.Len(); n < 100_000 {
		t.Errorf("%d bytes were written before the end, want most", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := tshark(t, file.Bytes(), "tcp.seq_raw == frame.number * 1000 - 1000", "frame.number")
	if len(got) != 200 {
		t.Errorf("%d packets are where they belong, want 200", len(got))
	}
}

// TestConcurrent captures from several goroutines at once.
func TestConcurrent(t *testing.T) {
	c, file := newCapture(t, capture.Options{Limit: 100_000})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				c.Packet(begin, true, make([]byte, 500))
				c.Secrets([]byte("CLIENT_RANDOM 00 00\n"))
			}
		})
	}
	all.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	types, _ := blocks(t, file.Bytes())
	packets := uint64(0)
	for _, kind := range types {
		if kind == packet {
			packets++
		}
	}
	if got, want := statistics(t, file.Bytes()), [2]uint64{800, 800 - packets}; got != want || file.Len() > 100_000 {
		t.Errorf("%d packets received and dropped, want %d; %d bytes", got, want, file.Len())
	}
}

// TestTimes gives times that no capture can hold.
func TestTimes(t *testing.T) {
	c, file := newCapture(t, capture.Options{})
	for _, at := range []time.Time{time.Unix(-5, 0), begin} {
		if err := c.Packet(at, true, []byte{0x45}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"0.000000000", "1767323045.006007008"}
	if diff := cmp.Diff(want, tshark(t, file.Bytes(), "frame", "frame.time_epoch")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// full is a disk that is full after some bytes.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteFails(t *testing.T) {
	if _, err := capture.New(&full{}, capture.Options{}); !errors.Is(err, errFull) {
		t.Errorf("New: got %v, want %v", err, errFull)
	}
	c, err := capture.New(&full{left: 100}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		c.Packet(begin, true, make([]byte, 100_000)), c.Packet(begin, true, make([]byte, 100_000)), c.Packet(begin, true, nil),
		c.Secrets([]byte("x")), c.Close(), c.Close(),
	}[1:] {
		if !errors.Is(err, errFull) {
			t.Errorf("got %v, want %v", err, errFull)
		}
	}
}
