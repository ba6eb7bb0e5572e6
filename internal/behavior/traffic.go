package behavior

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of a message that is kept for a report.
const (
	maxFields     = 16
	maxFieldBytes = 512
)

// traffic digests what the network saw.
type traffic struct {
	connections bounded[*connection]
	requests    bounded[*detonaut.Request]
	rejections  bounded[*detonaut.Rejection]
	messages    bounded[*detonaut.Message]
	baits       bounded[*detonaut.Bait]
	bodies      bounded[*detonaut.Body]
	trust       *detonaut.Trust
	// waiting are the Remote fields of what was said in flows that are not over:
	// only their end says where they led. Nothing that is listed waits twice, so
	// the bounds of the lists bound it.
	waiting map[uint64][]*string
}

// connection is one connection of a report. The kernel knows how often it was
// tried, the network what came of it.
type connection struct {
	detonaut.Connection
	tried, seen int
}

func (t *traffic) add(e *tape.Event) {
	switch {
	case e.FlowEnd != nil:
		t.flow(e)
	case e.HTTP != nil:
		t.request(e)
	case e.Message != nil:
		t.message(e)
	case e.TLS != nil:
		t.handshake(e)
	case e.Bait != nil:
		t.bait(e)
	case e.Trust != nil:
		t.store(e)
	}
}

// occurrences is how many e stands for, as an int.
func occurrences(e *tape.Event) int { return int(min(e.N(), 1<<31)) }

// connection finds or makes the entry of a connection; nil if the list is full.
// One key stands for an IPv4 address however it is written.
func (t *traffic) connection(e *tape.Event, network, address string) *connection {
	plain := address
	if strings.HasPrefix(plain, "[::ffff:") {
		if host, port := SplitAddress(plain); port >= 0 {
			plain = fmt.Sprintf("%s:%d", strings.TrimPrefix(host, "::ffff:"), port)
		}
	}
	key := fmt.Sprintf("%s %s %d", network, plain, e.PID)
	if c, ok := t.connections.get(key); ok {
		return c
	}
	c := &connection{Connection: detonaut.Connection{Network: network, Address: cut(address), PID: e.PID, Event: e.Seq}}
	if !t.connections.put(key, c) {
		return nil
	}
	return c
}

// attempt notes a connect or send, as the kernel saw it.
func (t *traffic) attempt(e *tape.Event, network string) {
	c := t.connection(e, network, e.Socket.Address)
	if c == nil {
		return
	}
	if c.tried == 0 {
		c.Errno, c.Event = failure(e.Errno), min(c.Event, e.Seq)
	}
	c.tried += occurrences(e)
}

// flow notes a connection or an exchange of datagrams, as the network saw it.
func (t *traffic) flow(e *tape.Event) {
	f := e.FlowEnd
	for _, remote := range t.waiting[e.Flow] {
		*remote = cut(f.Remote)
		if _, port := SplitAddress(f.Remote); f.Name != "" && port >= 0 {
			*remote = fmt.Sprintf("%s:%d", cut(f.Name), port)
		}
	}
	delete(t.waiting, e.Flow)
	if c := t.connection(e, f.Network, f.Remote); c != nil {
		c.seen += occurrences(e)
		c.merge(detonaut.Connection{
			Name: cut(f.Name), Protocol: cut(f.Protocol), TLS: f.TLS, Sent: f.Sent, Received: f.Received, Refused: cut(f.Reason), Live: f.Live,
		})
	}
}

// merge adds what is known of the same connection.
func (c *connection) merge(other detonaut.Connection) {
	for _, field := range []struct {
		have *string
		more string
	}{{&c.Name, other.Name}, {&c.Protocol, other.Protocol}, {&c.Refused, other.Refused}} {
		if *field.have == "" {
			*field.have = field.more
		}
	}
	c.TLS, c.Live = c.TLS || other.TLS, c.Live || other.Live
	c.Sent += max(other.Sent, 0)
	c.Received += max(other.Received, 0)
}

// listed returns the connections in the order of their keys, each once: what
// the network saw of nobody belongs to the only process that tried to reach the
// same address.
func (t *traffic) listed() (list []detonaut.Connection) {
	tried := make(map[string][]*connection)
	for _, c := range t.connections.values() {
		if c.PID != 0 {
			at := c.Network + " " + c.Address
			tried[at] = append(tried[at], c)
		}
	}
	for _, c := range t.connections.values() {
		if same := tried[c.Network+" "+c.Address]; c.PID == 0 && c.tried == 0 && len(same) == 1 {
			same[0].merge(c.Connection)
			same[0].seen += c.seen
			c.seen = 0
		}
	}
	for _, c := range t.connections.values() {
		if c.tried+c.seen == 0 {
			continue // it was taken over
		}
		c.Count = c.tried
		if c.tried == 0 {
			c.Count = c.seen
		}
		list = append(list, c.Connection)
	}
	return list
}

func (t *traffic) request(e *tape.Event) {
	h := e.HTTP
	t.body(e, h.Body, true)
	t.body(e, h.ResponseBody, false)
	key := fmt.Sprintf("%s %s %d %d", h.URL, h.Method, h.Status, e.PID)
	r, ok := t.requests.get(key)
	if !ok {
		r = &detonaut.Request{
			Method: cut(h.Method), URL: cut(h.URL), Status: h.Status, Answer: cut(h.Answer), PID: e.PID,
			Live: h.Live, Replayed: h.Replayed, Event: e.Seq,
		}
		if !t.requests.put(key, r) {
			return
		}
	}
	r.Count += occurrences(e)
	if h.Body != nil {
		r.Sent += max(h.Body.Size, 0)
	}
	if h.ResponseBody != nil {
		r.Received += max(h.ResponseBody.Size, 0)
	}
}

func (t *traffic) body(e *tape.Event, b *tape.Body, sent bool) {
	if b == nil || b.Size == 0 {
		return
	}
	have, ok := t.bodies.get(b.SHA256)
	if !ok {
		have = &detonaut.Body{SHA256: cut(b.SHA256), Size: b.Size, Event: e.Seq}
		if !t.bodies.put(b.SHA256, have) {
			return
		}
	}
	have.Sent, have.Received, have.Kept = have.Sent || sent, have.Received || !sent, have.Kept || b.Kept
	have.Count += occurrences(e)
}

func (t *traffic) message(e *tape.Event) {
	m := e.Message
	var key strings.Builder
	fmt.Fprintf(&key, "%s %s %d", m.Protocol, m.Verb, e.PID)
	var fields map[string]string
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		if len(fields) == maxFields {
			break
		}
		if fields == nil {
			fields = make(map[string]string)
		}
		value := head(m.Fields[name], maxFieldBytes)
		fields[head(name, maxFieldBytes)] = value
		fmt.Fprintf(&key, " %s=%s", name, value)
	}
	have, ok := t.messages.get(key.String())
	if !ok {
		have = &detonaut.Message{Protocol: cut(m.Protocol), Verb: cut(m.Verb), Fields: fields, PID: e.PID, Event: e.Seq}
		if !t.messages.put(key.String(), have) {
			return
		}
		t.await(e, &have.Remote)
	}
	have.Count += occurrences(e)
}

func (t *traffic) handshake(e *tape.Event) {
	if !e.TLS.Rejected {
		return
	}
	name := e.TLS.SNI
	if name == "" {
		name = e.TLS.Certificate
	}
	key := fmt.Sprintf("%s %s %d", name, e.TLS.JA4, e.PID)
	have, ok := t.rejections.get(key)
	if !ok {
		have = &detonaut.Rejection{Name: cut(name), JA4: cut(e.TLS.JA4), PID: e.PID, Event: e.Seq}
		if !t.rejections.put(key, have) {
			return
		}
	}
	have.Count += occurrences(e)
}

func (t *traffic) bait(e *tape.Event) {
	b := e.Bait
	key := fmt.Sprintf("%s %s %s %t %d %s", b.Name, b.Place, b.Encoding, b.Home, e.PID, b.Path)
	have, ok := t.baits.get(key)
	if !ok {
		have = &detonaut.Bait{
			Name: cut(b.Name), Source: cut(b.Source), Encoding: cut(b.Encoding), Place: cut(b.Place), Path: cut(b.Path),
			Sent: e.Kind == tape.BaitSent, Home: b.Home, PID: e.PID, Event: e.Seq,
		}
		if !t.baits.put(key, have) {
			return
		}
		t.await(e, &have.Remote)
	}
	have.Count += occurrences(e)
}

// await has remote filled in when the flow of e is over.
func (t *traffic) await(e *tape.Event, remote *string) {
	if e.Flow == 0 {
		return
	}
	if t.waiting == nil {
		t.waiting = make(map[uint64][]*string)
	}
	t.waiting[e.Flow] = append(t.waiting[e.Flow], remote)
}

func (t *traffic) store(e *tape.Event) {
	if t.trust == nil {
		t.trust = new(detonaut.Trust)
	}
	if e.Errno != "" || e.Trust.Error != "" {
		t.trust.Failed++
	} else {
		t.trust.Edited++
	}
}

// tell puts what was seen into r.
func (t *traffic) tell(r *detonaut.Run) {
	r.Connections = t.listed()
	r.Requests = flat(&t.requests)
	r.Rejections = flat(&t.rejections)
	r.Messages = flat(&t.messages)
	r.Baits = flat(&t.baits)
	r.Bodies = flat(&t.bodies)
	r.Trust = t.trust
}

// flat are the values behind the pointers of b, in the order of their keys.
func flat[V any](b *bounded[*V]) (values []V) {
	for _, v := range b.values() {
		values = append(values, *v)
	}
	return values
}
