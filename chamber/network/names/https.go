package names

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Media types of DNS over HTTPS.
const (
	wireType = "application/dns-message" // RFC 8484
	jsonType = "application/dns-json"    // what Google and Cloudflare answer
)

// FromHTTP finds the query of DNS over HTTPS (RFC 8484) in a request, whose
// body is given. Any path will do; a GET must carry what looks like one query,
// since other sites have parameters by that name.
func FromHTTP(r *http.Request, body []byte) (query []byte, ok bool) {
	switch r.Method {
	case http.MethodPost:
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		return body, err == nil && kind == wireType
	case http.MethodGet:
		s := strings.TrimRight(r.URL.Query().Get("dns"), "=")
		query, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(query) < headerSize || len(query) > maxMessage {
			return nil, false
		}
		const responseBit = 0x80
		one := binary.BigEndian.Uint16(query[4:]) == 1
		return query, one && query[2]&responseBit == 0
	}
	return nil, false
}

// jsonHosts answer JSON at /resolve without being asked for its media type.
var jsonHosts = []string{"dns.google", "dns.google.com", "dns.alidns.com"}

// JSON answers the JSON form of DNS over HTTPS, which has no standard: "?name=
// &type=" under Accept: application/dns-json, or at /resolve of those who know
// nothing else. It is not ok if r is no such request. The body is nil if r asks
// for nothing that can be asked for, which is status 400.
func (z *Zone) JSON(ctx context.Context, r *http.Request) (body []byte, answers []tape.DNS, ok bool) {
	values := r.URL.Query()
	if r.Method != http.MethodGet || !values.Has("name") || !asksJSON(r, values.Get("ct")) {
		return nil, nil, false
	}
	kind, known := typeOf(values.Get("type"))
	name, err := dnsmessage.NewName(strings.TrimSuffix(values.Get("name"), ".") + ".")
	if !known || err != nil {
		return nil, nil, true
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: kind, Class: dnsmessage.ClassINET}},
	}
	query, err := m.Pack()
	if err != nil {
		return nil, nil, true
	}
	reply, answers := z.Answer(ctx, query, "https")
	var got dnsmessage.Message
	if err := got.Unpack(reply); err != nil {
		return nil, answers, true
	}
	body, err = json.Marshal(jsonOf(got))
	if err != nil {
		return nil, answers, true
	}
	return body, answers, true
}

func asksJSON(r *http.Request, contentType string) bool {
	if contentType == jsonType || strings.Contains(r.Header.Get("Accept"), jsonType) {
		return true
	}
	host := canonical(r.Host)
	if h, _, found := strings.Cut(host, ":"); found {
		host = h
	}
	if a, err := netip.ParseAddr(host); err == nil {
		host = fixedName(a)
	}
	return r.URL.Path == "/resolve" && slices.Contains(jsonHosts, host)
}

// typeOf is the type of records that is called s, by name or number.
func typeOf(s string) (dnsmessage.Type, bool) {
	if s == "" {
		return dnsmessage.TypeA, true
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil {
		return dnsmessage.Type(n), n != 0
	}
	s = strings.ToUpper(s)
	if s == "ANY" {
		return dnsmessage.TypeALL, true
	}
	for t := range dnsmessage.Type(256) {
		if t.String() == "Type"+s {
			return t, true
		}
	}
	return 0, false
}

// jsonMessage is a reply in JSON, with the keys of Google's and Cloudflare's.
type jsonMessage struct {
	Status    dnsmessage.RCode
	TC        bool
	RD        bool
	RA        bool
	AD        bool
	CD        bool
	Question  []jsonRecord
	Answer    []jsonRecord `json:",omitempty"`
	Authority []jsonRecord `json:",omitempty"`
}

type jsonRecord struct {
	Name string          `json:"name"`
	Type dnsmessage.Type `json:"type"`
	TTL  uint32          `json:"TTL,omitempty"`
	Data string          `json:"data,omitempty"`
}

func jsonOf(m dnsmessage.Message) jsonMessage {
	out := jsonMessage{Status: m.RCode, TC: m.Truncated, RD: m.RecursionDesired, RA: m.RecursionAvailable, CD: m.CheckingDisabled}
	for _, q := range m.Questions {
		out.Question = append(out.Question, jsonRecord{Name: q.Name.String(), Type: q.Type})
	}
	records := func(list []dnsmessage.Resource) (out []jsonRecord) {
		for _, r := range list {
			out = append(out, jsonRecord{r.Header.Name.String(), r.Header.Type, r.Header.TTL, presentation(r.Body)})
		}
		return out
	}
	out.Answer, out.Authority = records(m.Answers), records(m.Authorities)
	return out
}

// presentation writes a record as zone files have it.
func presentation(body dnsmessage.ResourceBody) string {
	switch b := body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(b.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(b.AAAA).String()
	case *dnsmessage.MXResource:
		return fmt.Sprint(b.Pref, " ", b.MX)
	case *dnsmessage.NSResource:
		return b.NS.String()
	case *dnsmessage.PTRResource:
		return b.PTR.String()
	case *dnsmessage.TXTResource:
		return strings.Join(b.TXT, "")
	case *dnsmessage.SRVResource:
		return fmt.Sprint(b.Priority, " ", b.Weight, " ", b.Port, " ", b.Target)
	case *dnsmessage.SOAResource:
		return fmt.Sprint(b.NS, " ", b.MBox, " ", b.Serial, " ", b.Refresh, " ", b.Retry, " ", b.Expire, " ", b.MinTTL)
	case *dnsmessage.UnknownResource: // HINFO, see records
		return `"RFC8482" ""`
	}
	return ""
}
