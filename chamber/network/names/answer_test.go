package names

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/detonaut/detonaut/chamber/tape"
)

// ask packs a query of one question.
func ask(t testing.TB, name string, kind dnsmessage.Type, change func(*dnsmessage.Message)) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0x1234, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unpack(t testing.TB, b []byte) (m dnsmessage.Message) {
	t.Helper()
	if err := m.Unpack(b); err != nil {
		t.Fatalf("unpack %x: %v", b, err)
	}
	return m
}

func TestAnswer(t *testing.T) {
	z := New(Options{})
	a := texts(z.Addresses("example.com"))
	// Handed out, so that they lead back to their names.
	v4, v6 := "97.125.93.34.in-addr.arpa.", "d.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.3.5.7.d.2.e.e.2.4.e.4.4.0.a.2.ip6.arpa."
	z.Addresses("pool.example.com")
	for _, tc := range []struct {
		name    string
		kind    dnsmessage.Type
		code    string
		answers []string
	}{
		{"example.com.", dnsmessage.TypeA, "NOERROR", a[:1]},
		{"eXaMple.cOm.", dnsmessage.TypeAAAA, "NOERROR", a[1:]},
		{"example.com.", dnsmessage.TypeCNAME, "NOERROR", nil},
		{"www.example.com.", dnsmessage.TypeMX, "NOERROR", []string{"mail.example.com"}},
		{"example.com.", dnsmessage.TypeTXT, "NOERROR", []string{"v=spf1 mx ~all"}},
		{"_dmarc.example.com.", dnsmessage.TypeTXT, "NOERROR", []string{"v=DMARC1; p=none"}},
		{"_ldap._tcp.dc.example.com.", dnsmessage.TypeSRV, "NOERROR", []string{"dc.example.com"}},
		{"example.com.", dnsmessage.TypeSRV, "NOERROR", nil},
		{"example.com.", dnsmessage.TypeNS, "NOERROR", []string{"ns1.example.com", "ns2.example.com"}},
		{"www.example.com.", dnsmessage.TypeNS, "NOERROR", nil},
		{"example.com.", dnsmessage.TypeSOA, "NOERROR", []string{"ns1.example.com"}},
		{"www.example.com.", dnsmessage.TypeSOA, "NOERROR", nil},
		{"example.com.", dnsmessage.TypeHTTPS, "NOERROR", nil},
		{"example.com.", dnsmessage.Type(257), "NOERROR", nil},
		{"example.com.", dnsmessage.TypeALL, "NOERROR", []string{"RFC8482"}},
		{"example.com.", dnsmessage.TypeAXFR, "REFUSED", nil},
		{"example.com.", dnsmessage.TypePTR, "NOERROR", nil},
		{v4, dnsmessage.TypePTR, "NOERROR", []string{"pool.example.com"}},
		{v6, dnsmessage.TypePTR, "NOERROR", []string{"pool.example.com"}},
		{v4, dnsmessage.TypeA, "NOERROR", nil},
		{"4.3.2.1.in-addr.arpa.", dnsmessage.TypePTR, "NOERROR", []string{"1-2-3-4.ip.linodeusercontent.com"}},
		{"8.8.8.8.in-addr.arpa.", dnsmessage.TypePTR, "NOERROR", []string{"dns.google"}},
		{"1.0.0.127.in-addr.arpa.", dnsmessage.TypePTR, "NOERROR", []string{"localhost"}},
		{"1.2.168.192.in-addr.arpa.", dnsmessage.TypePTR, "NXDOMAIN", nil},
		{"metadata.google.internal.", dnsmessage.TypeA, "NOERROR", []string{"169.254.169.254"}},
		{"metadata.google.internal.", dnsmessage.TypeAAAA, "NOERROR", nil},
		{"xkqzjvwpqkz.com.", dnsmessage.TypeA, "NXDOMAIN", nil},
		{"printer.", dnsmessage.TypeA, "NXDOMAIN", nil},
		{".", dnsmessage.TypeNS, "NOERROR", []string{"a.root-servers.net"}},
		{".", dnsmessage.TypeA, "NOERROR", nil},
		{"\xffdata.example.com.", dnsmessage.TypeA, "NOERROR", texts(z.Addresses("\xffdata.example.com"))[:1]},
	} {
		t.Run(tc.name+tc.kind.String(), func(t *testing.T) {
			reply, answers := z.Answer(t.Context(), ask(t, tc.name, tc.kind, nil), "udp")
			want := []tape.DNS{{
				Name: strings.ReplaceAll(strings.TrimSuffix(tc.name, "."), "\xff", `\xff`), Type: strings.TrimPrefix(tc.kind.String(), "Type"),
				Transport: "udp", Code: tc.code, Answers: tc.answers,
			}}
			if diff := cmp.Diff(want, answers); diff != "" {
				t.Errorf("tape (-want +got):\n%s", diff)
			}
			m := unpack(t, reply)
			if m.ID != 0x1234 || !m.Response || !m.RecursionAvailable || !m.RecursionDesired || m.Truncated || codeName(m.RCode) != tc.code {
				t.Errorf("header %+v", m.Header)
			}
			if len(m.Questions) != 1 || m.Questions[0].Name.String() != tc.name {
				t.Errorf("the question is not as it was asked: %v", m.Questions)
			}
			if len(m.Answers) != len(tc.answers) || len(m.Additionals) != 0 {
				t.Errorf("%d answers, %d additional records", len(m.Answers), len(m.Additionals))
			}
			negative := len(tc.answers) == 0 && tc.code != "REFUSED"
			if negative != (len(m.Authorities) == 1 && m.Authorities[0].Header.Type == dnsmessage.TypeSOA) {
				t.Errorf("authority %v", m.Authorities)
			}
		})
	}
}

// TestTargets asks for what answers point at: it must lead on.
func TestTargets(t *testing.T) {
	z := New(Options{})
	for name, kind := range map[string]dnsmessage.Type{
		"shop.example.co.uk.": dnsmessage.TypeMX, "example.org.": dnsmessage.TypeNS, "_xmpp-client._tcp.example.org.": dnsmessage.TypeSRV,
		".": dnsmessage.TypeNS, "9.9.9.9.in-addr.arpa.": dnsmessage.TypePTR, "7.5.3.1.in-addr.arpa.": dnsmessage.TypePTR,
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.2.1.0.0.6.a.2.ip6.arpa.": dnsmessage.TypePTR,
	} {
		_, answers := z.Answer(t.Context(), ask(t, name, kind, nil), "udp")
		if len(answers[0].Answers) == 0 {
			t.Errorf("%s has no %s", name, kind)
		}
		for _, target := range answers[0].Answers {
			var found []string
			for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
				_, answers := z.Answer(t.Context(), ask(t, target+".", kind, nil), "udp")
				found = append(found, answers[0].Answers...)
			}
			if len(found) == 0 {
				t.Errorf("%s %s leads to %s, which leads nowhere", name, kind, target)
			}
			if kind == dnsmessage.TypePTR && !slices.ContainsFunc(found, func(a string) bool { return a == "9.9.9.9" || a == "1.3.5.7" || a == "2a60:123::1" }) {
				t.Errorf("%s leads to %s and not back, but to %v", name, target, found)
			}
		}
	}
}

func TestAnswerRefuses(t *testing.T) {
	z := New(Options{})
	query := ask(t, "example.com.", dnsmessage.TypeA, nil)
	change := func(f func(b []byte) []byte) []byte { return f(slices.Clone(query)) }
	two := ask(t, "example.com.", dnsmessage.TypeA, func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) })
	many := ask(t, "example.com.", dnsmessage.TypeA, func(m *dnsmessage.Message) { m.Questions = slices.Repeat(m.Questions, 100) })
	for _, tc := range []struct {
		name     string
		query    []byte
		code     string // empty for no reply
		recorded int
	}{
		{"two questions", two, "FORMERR", 2},
		{"many questions", many, "FORMERR", maxQuestions},
		{"no question", change(func(b []byte) []byte { b[5] = 0; return b[:headerSize] }), "FORMERR", 0},
		{"cut in the name", query[:18], "FORMERR", 0},
		{"cut after the name", query[:len(query)-3], "FORMERR", 1},
		{"a dot in a label", change(func(b []byte) []byte { b[15] = '.'; return b }), "FORMERR", 1},
		{"a loop", change(func(b []byte) []byte { return append(b[:headerSize], 0xc0, headerSize, 0, 1, 0, 1) }), "FORMERR", 0},
		{"records announced", change(func(b []byte) []byte { b[7] = 9; return b }), "FORMERR", 1},
		{"update", change(func(b []byte) []byte { b[2] |= 5 << 3; return b }), "NOTIMP", 1},
		{"chaos", change(func(b []byte) []byte { b[len(b)-1] = 3; return b }), "REFUSED", 1},
		{"a reply", change(func(b []byte) []byte { b[2] |= 0x80; return b }), "", 0},
		{"too short", query[:headerSize-1], "", 0},
		{"nothing", nil, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reply, answers := z.Answer(t.Context(), tc.query, "tcp")
			if len(answers) != tc.recorded {
				t.Errorf("recorded %+v", answers)
			}
			for _, a := range answers {
				if a.Code != tc.code || len(a.Name) != len("example.com") {
					t.Errorf("recorded %+v", a)
				}
			}
			if tc.code == "" {
				if reply != nil {
					t.Errorf("reply %x", reply)
				}
				return
			}
			if m := unpack(t, reply); codeName(m.RCode) != tc.code || m.ID != 0x1234 || len(m.Answers) != 0 {
				t.Errorf("reply %+v", m)
			}
		})
	}
}

func TestEDNS(t *testing.T) {
	z := New(Options{})
	with := func(size int, version uint32, dnssec bool) func(m *dnsmessage.Message) {
		return func(m *dnsmessage.Message) {
			var h dnsmessage.ResourceHeader
			if err := h.SetEDNS0(size, 0, dnssec); err != nil {
				t.Fatal(err)
			}
			h.TTL |= version << 16
			m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{Options: []dnsmessage.Option{{Code: 10, Data: []byte("cookie..")}}}}}
		}
	}
	for _, tc := range []struct {
		name    string
		version uint32
		dnssec  bool
		code    dnsmessage.RCode
	}{{"plain", 0, false, 0}, {"dnssec", 0, true, 0}, {"version 1", 1, false, codeBadVersion}} {
		reply, answers := z.Answer(t.Context(), ask(t, "example.com.", dnsmessage.TypeA, with(4096, tc.version, tc.dnssec)), "udp")
		m := unpack(t, reply)
		if len(m.Additionals) != 1 || m.Additionals[0].Header.Type != dnsmessage.TypeOPT {
			t.Fatalf("%s: additional records %v", tc.name, m.Additionals)
		}
		h := m.Additionals[0].Header
		if h.ExtendedRCode(m.RCode) != tc.code || h.DNSSECAllowed() != tc.dnssec || h.Class != usualSize || answers[0].Code != codeName(tc.code) {
			t.Errorf("%s: %+v, %+v", tc.name, h, answers)
		}
	}
	for size, want := range map[int]int{0: 512, 700: 700, 65535: usualSize} {
		q, ok := parse(ask(t, "example.com.", dnsmessage.TypeA, with(size, 0, false)))
		if got := q.datagram(); got != want || !ok {
			t.Errorf("to a client that takes %d bytes %d are sent, want %d", size, got, want)
		}
	}
}

func TestTruncation(t *testing.T) {
	q, _ := parse(ask(t, "example.com.", dnsmessage.TypeTXT, nil))
	r := response{answers: []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: q.questions[0].Name, Class: dnsmessage.ClassINET},
		Body:   &dnsmessage.TXTResource{TXT: slices.Repeat([]string{strings.Repeat("x", 250)}, 3)},
	}}}
	cut := unpack(t, q.reply(r, plainSize))
	if !cut.Truncated || len(cut.Answers) != 0 || len(cut.Questions) != 1 {
		t.Errorf("over UDP: %+v", cut)
	}
	whole := unpack(t, q.reply(r, maxMessage))
	if whole.Truncated || len(whole.Answers) != 1 {
		t.Errorf("over TCP: %+v", whole)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(ask(f, "eXample.com.", dnsmessage.TypeA, nil), true)
	f.Add(ask(f, "_ldap._tcp.example.co.uk.", dnsmessage.TypeSRV, nil), false)
	f.Add(ask(f, "4.3.2.1.in-addr.arpa.", dnsmessage.TypePTR, nil), true)
	f.Add(ask(f, strings.Repeat("\xff.", 100)+"com.", dnsmessage.TypeALL, nil), true)
	f.Add(ask(f, "example.com.", dnsmessage.TypeA, func(m *dnsmessage.Message) { m.Questions = slices.Repeat(m.Questions, 9) }), true)
	z := New(Options{})
	f.Fuzz(func(t *testing.T, query []byte, datagram bool) {
		transport := "tcp"
		if datagram {
			transport = "udp"
		}
		reply, answers := z.Answer(t.Context(), query, transport)
		again, _ := z.Answer(t.Context(), query, transport)
		if diff := cmp.Diff(reply, again); diff != "" {
			t.Errorf("it answers differently the second time:\n%s", diff)
		}
		for _, a := range answers {
			if !utf8.ValidString(a.Name) || len(a.Name) > 4*255 || len(answers) > maxQuestions {
				t.Errorf("recorded %+v", answers)
			}
			for _, s := range a.Answers {
				if !utf8.ValidString(s) {
					t.Errorf("answer %q", s)
				}
			}
		}
		if reply == nil {
			if len(answers) != 0 {
				t.Errorf("recorded without a reply: %+v", answers)
			}
			return
		}
		if m := unpack(t, reply); !m.Response || datagram && len(reply) > usualSize {
			t.Errorf("reply of %d bytes %+v", len(reply), m.Header)
		}
	})
}
