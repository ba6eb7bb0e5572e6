package network

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/nested"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/network/capture"
)

// captureBytes bounds the capture of a run.
const captureBytes = 64 << 20

func newCapture(to *artifact.Writer) (*capture.Writer, error) {
	return capture.New(to.Capture(), capture.Options{Limit: captureBytes})
}

// tap is a network card whose packets are captured as they pass. It sees IP
// packets: the Ethernet header is the same for all.
type tap struct {
	nested.Endpoint
	to *capture.Writer
}

func newTap(card stack.LinkEndpoint, to *capture.Writer) stack.LinkEndpoint {
	t := &tap{to: to}
	t.Init(card, t)
	return t
}

// DeliverNetworkPacket implements stack.NetworkDispatcher: what the subject
// sent.
func (t *tap) DeliverNetworkPacket(protocol tcpip.NetworkProtocolNumber, pkt *stack.PacketBuffer) {
	t.capture(pkt, true)
	t.Endpoint.DeliverNetworkPacket(protocol, pkt)
}

// WritePackets implements stack.LinkWriter: what the subject gets.
func (t *tap) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		t.capture(pkt, false)
	}
	return t.Endpoint.WritePackets(pkts)
}

// capture writes a packet down. A capture that fails is a bound of it, and no
// reason to stop the subject.
func (t *tap) capture(pkt *stack.PacketBuffer, outbound bool) {
	skip := len(pkt.LinkHeader().Slice())
	var parts [8][]byte
	kept := parts[:0]
	for _, s := range pkt.AsSlices() {
		cut := min(skip, len(s))
		skip -= cut
		if len(s) > cut {
			kept = append(kept, s[cut:])
		}
	}
	_ = t.to.Packet(time.Now(), outbound, kept...)
}
