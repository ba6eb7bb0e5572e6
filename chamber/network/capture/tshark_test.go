package capture_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network/capture"
)

// tshark reads a capture in one pass and returns fields of the packets that a
// filter lets through, a line each.
func tshark(t *testing.T, file []byte, filter string, fields ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "network.pcapng")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", path, "-Y", filter, "-T", "fields", "-E", "separator=/s"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	return run(t, "tshark", args...)
}

// run returns the lines that a program of Wireshark writes. It finds no
// settings, and so no key files.
func run(t *testing.T, program string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%v: run testdata/needs.sh test", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "TZ=UTC", "LC_ALL=C"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, stderr.String())
	}
	text := strings.TrimSuffix(string(out), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// newCapture begins a capture in memory.
func newCapture(t *testing.T, o capture.Options) (*capture.Writer, *bytes.Buffer) {
	t.Helper()
	file := &bytes.Buffer{}
	c, err := capture.New(file, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, file
}

func TestPackets(t *testing.T) {
	c, file := newCapture(t, capture.Options{Application: "detonaut-chamber", Interface: "eth0", Snaplen: 1000})
	w := &wire{t: t, to: c}
	w.connect()
	w.stream(true, []byte("odd"))
	w.stream(false, make([]byte, 3000))
	w.segment(true, fin|ack, nil)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := tshark(t, file.Bytes(), "frame", "frame.time_epoch", "frame.packet_flags_direction", "frame.interface_name",
		"frame.len", "frame.cap_len", "ip.src", "tcp.len", "tcp.flags.str")
	want := []string{
		"1767323045.006007008 0x00000002 eth0 40 40 10.0.0.2 0 ··········S·",
		"1767323045.007007008 0x00000001 eth0 40 40 198.18.0.1 0 ·······A··S·",
		"1767323045.008007008 0x00000002 eth0 40 40 10.0.0.2 0 ·······A····",
		"1767323045.009007008 0x00000002 eth0 43 43 10.0.0.2 3 ·······AP···",
		"1767323045.010007008 0x00000001 eth0 1500 1000 198.18.0.1 1460 ·······AP···",
		"1767323045.011007008 0x00000001 eth0 1500 1000 198.18.0.1 1460 ·······AP···",
		"1767323045.012007008 0x00000001 eth0 120 120 198.18.0.1 80 ·······AP···",
		"1767323045.013007008 0x00000002 eth0 40 40 10.0.0.2 0 ·······A···F",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b := c.Bounds(); b != nil {
		t.Errorf("bounds %v of a capture that only has a snaplen", b)
	}
}

func TestEthernet(t *testing.T) {
	c, file := newCapture(t, capture.Options{Link: capture.Ethernet})
	header := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06}
	arp := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1}
	if err := c.Packet(begin, true, header, arp); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"02:00:00:00:00:02 10.0.0.1"}
	if diff := cmp.Diff(want, tshark(t, file.Bytes(), "arp", "eth.src", "arp.dst.proto_ipv4")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// blocks returns the types of a capture's blocks, and holds each of them to
// its length.
func blocks(t *testing.T, file []byte) (types []uint32, last []byte) {
	t.Helper()
	for len(file) > 0 {
		size := binary.LittleEndian.Uint32(file[4:])
		if size%4 != 0 || int(size) > len(file) || binary.LittleEndian.Uint32(file[size-4:]) != size {
			t.Fatalf("block %d has a wrong length, %d", len(types), size)
		}
		types = append(types, binary.LittleEndian.Uint32(file))
		last, file = file[:size], file[size:]
	}
	return types, last
}

// statistics returns how many packets the last block says were received and
// dropped.
func statistics(t *testing.T, file []byte) (counts [2]uint64) {
	t.Helper()
	types, last := blocks(t, file)
	if types[len(types)-1] != 5 {
		t.Fatalf("the last block is of type %d, want the statistics", types[len(types)-1])
	}
	for o := last[20:]; o[0] != 0; o = o[4+binary.LittleEndian.Uint16(o[2:]):] {
		if code := o[0]; code == 4 || code == 5 {
			counts[code-4] = binary.LittleEndian.Uint64(o[4:])
		}
	}
	return counts
}

// TestLimit captures more than there is room for.
func TestLimit(t *testing.T) {
	const limit = 20_000
	c, file := newCapture(t, capture.Options{Limit: limit})
	w := &wire{t: t, to: c}
	for range 100 {
		w.stream(false, make([]byte, 1460))
	}
	if err := c.Secrets(bytes.Repeat([]byte("s"), 400)); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n := file.Len(); n > limit || n < limit-300 {
		t.Errorf("the file has %d bytes, want nearly %d", n, limit)
	}
	if diff := cmp.Diff([]string{"capture"}, c.Bounds()); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
	sizes := map[string]int{}
	for _, line := range tshark(t, file.Bytes(), "ip", "frame.cap_len") {
		sizes[line]++
	}
	if diff := cmp.Diff(map[string]int{"1500": 11, "128": 16}, sizes); diff != "" {
		t.Errorf("packets by what is left of them (-want +got):\n%s", diff)
	}
	if got, want := statistics(t, file.Bytes()), [2]uint64{100, 73}; got != want {
		t.Errorf("%d packets received and dropped, want %d", got, want)
	}
}
