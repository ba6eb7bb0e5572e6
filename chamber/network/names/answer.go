package names

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Sizes in bytes.
const (
	headerSize = 12
	plainSize  = 512   // of a datagram, if the client says nothing (RFC 1035 section 4.2.1)
	usualSize  = 1232  // of one that is never split, as resolvers advertise
	maxMessage = 65535 // of a message in a stream
)

// maxQuestions is how many questions of one message are written down, and
// maxAdditional how many of its last records are looked at. Resolvers ask one
// question, and add one or two records.
const (
	maxQuestions  = 4
	maxAdditional = 8
)

// codeBadVersion is BADVERS (RFC 6891 section 9).
const codeBadVersion = dnsmessage.RCode(16)

// query is what was understood of a message.
type query struct {
	header    dnsmessage.Header
	questions []dnsmessage.Question
	malformed bool
	edns      *edns // nil if the client does not speak it
}

// edns is what a client says of itself (RFC 6891).
type edns struct {
	size    int // of datagrams
	version byte
	dnssec  bool
}

// Answer answers one message and says what was asked in it, of malformed ones
// as much as could be read. The reply is nil if there can be none. The
// transport is "udp", "tcp", "tls" or "https"; over udp a reply that is too long
// is cut, and says so. Only a real name server is waited for, and not beyond
// ctx.
func (z *Zone) Answer(ctx context.Context, message []byte, transport string) (reply []byte, answers []tape.DNS) {
	q, ok := parse(message)
	if !ok {
		return nil, nil
	}
	found := response{code: dnsmessage.RCodeSuccess}
	switch {
	case q.malformed || len(q.questions) != 1 && q.header.OpCode == 0:
		found.code = dnsmessage.RCodeFormatError
	case q.header.OpCode != 0:
		found.code = dnsmessage.RCodeNotImplemented
	case q.edns != nil && q.edns.version != 0:
		found.code = codeBadVersion
	default:
		found = z.resolve(ctx, q.questions[0])
	}
	for _, question := range q.questions {
		answers = append(answers, tape.DNS{
			Name:      printable(question.Name),
			Type:      strings.TrimPrefix(question.Type.String(), "Type"),
			Transport: transport,
			Code:      codeName(found.code),
			Answers:   slices.Clone(found.said),
			Live:      found.live,
		})
	}
	size := maxMessage
	if transport == "udp" {
		size = q.datagram()
	}
	return q.reply(found, size), answers
}

// parse reads a message. It is not ok if it is no query, or too short to be
// replied to.
func parse(message []byte) (q query, ok bool) {
	if len(message) < headerSize || len(message) > maxMessage {
		return q, false
	}
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.Response {
		return q, false
	}
	q.header = header
	for {
		question, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil && len(q.questions) == 0 {
			q.questions = salvage(message[headerSize:])
		}
		if err != nil || len(q.questions) == maxQuestions {
			q.malformed = true
			return q, true
		}
		q.questions = append(q.questions, question)
	}
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		q.malformed = true
		return q, true
	}
	for range maxAdditional {
		h, err := p.AdditionalHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err == nil && h.Type == dnsmessage.TypeOPT {
			q.edns = &edns{int(h.Class), byte(h.TTL >> 16), h.DNSSECAllowed()}
		}
		if err != nil || p.SkipAdditional() != nil {
			q.malformed = true
			break
		}
	}
	return q, true
}

// salvage reads a question that the parser refuses, such as one with a dot
// inside a label: no server answers it, but it may carry data on the way.
func salvage(b []byte) []dnsmessage.Question {
	var name []byte
	for len(b) > 0 && b[0] > 0 && int(b[0]) < len(b) && b[0] < 64 {
		name = append(append(name, b[1:1+b[0]]...), '.')
		b = b[1+b[0]:]
	}
	var kind dnsmessage.Type
	if len(b) >= 3 {
		kind = dnsmessage.Type(binary.BigEndian.Uint16(b[1:]))
	}
	n, err := dnsmessage.NewName(string(name[:min(len(name), 255)]))
	if err != nil || len(name) == 0 {
		return nil
	}
	return []dnsmessage.Question{{Name: n, Type: kind, Class: dnsmessage.ClassINET}}
}

// datagram is the size up to which the client takes datagrams, and ours are
// sent.
func (q *query) datagram() int {
	if q.edns == nil {
		return plainSize
	}
	return min(max(q.edns.size, plainSize), usualSize)
}

// reply packs a response to q. One that is longer than size is cut down to its
// question.
func (q *query) reply(r response, size int) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{
		ID:                 q.header.ID,
		Response:           true,
		OpCode:             q.header.OpCode,
		RecursionDesired:   q.header.RecursionDesired,
		RecursionAvailable: true,
		CheckingDisabled:   q.header.CheckingDisabled,
		RCode:              r.code & 0xf,
	}}
	if len(q.questions) == 1 && !q.malformed {
		m.Questions = q.questions
	}
	if q.edns != nil {
		var h dnsmessage.ResourceHeader
		// It fails for a name that is too long, and this one is the root's.
		_ = h.SetEDNS0(usualSize, r.code, q.edns.dnssec)
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	whole := m
	whole.Answers, whole.Authorities = r.answers, r.authority
	b, err := whole.Pack()
	if err != nil || len(b) > size {
		m.Truncated = true
		b, _ = m.Pack() // what came in packed goes out packed
	}
	return b
}

// printable is a name as the tape has it.
func printable(n dnsmessage.Name) string {
	return decode.Printable(strings.TrimSuffix(n.String(), "."))
}

// codeName is what an RCODE is called (RFC 1035 section 4.1.1).
func codeName(c dnsmessage.RCode) string {
	switch c {
	case dnsmessage.RCodeSuccess:
		return "NOERROR"
	case dnsmessage.RCodeFormatError:
		return "FORMERR"
	case dnsmessage.RCodeServerFailure:
		return "SERVFAIL"
	case dnsmessage.RCodeNameError:
		return "NXDOMAIN"
	case dnsmessage.RCodeNotImplemented:
		return "NOTIMP"
	case dnsmessage.RCodeRefused:
		return "REFUSED"
	case codeBadVersion:
		return "BADVERS"
	}
	return strconv.Itoa(int(c))
}
