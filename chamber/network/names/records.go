package names

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/detonaut/detonaut/chamber/decode"
)

// Seconds for which answers may be kept.
const (
	addressTTL  = 300
	recordTTL   = 3600
	negativeTTL = 900
)

// typeIXFR is a query for the changes of a zone (RFC 1995).
const typeIXFR = dnsmessage.Type(251)

// response is what one question is answered.
type response struct {
	code      dnsmessage.RCode
	answers   []dnsmessage.Resource
	authority []dnsmessage.Resource
	said      []string // the answers as the tape has them
	live      bool
}

// record is one answer, and how the tape has it.
type record struct {
	body dnsmessage.ResourceBody
	said string
}

// resolve answers a question as a resolver would that anybody may ask.
func (z *Zone) resolve(ctx context.Context, q dnsmessage.Question) response {
	switch {
	case q.Class != dnsmessage.ClassINET && q.Class != dnsmessage.ClassANY,
		q.Type == dnsmessage.TypeAXFR, q.Type == typeIXFR:
		return response{code: dnsmessage.RCodeRefused}
	}
	name := canonical(q.Name.String())
	s, err := z.find(ctx, name)
	r := response{live: s.live}
	switch {
	case err != nil:
		r.code = dnsmessage.RCodeServerFailure
		return r
	case !s.exists:
		r.code = dnsmessage.RCodeNameError
	default:
		z.answer(&r, q, z.records(name, s.zone, q.Type))
	}
	if len(r.answers) == 0 {
		r.authority = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: absolute(s.zone), Class: dnsmessage.ClassINET, TTL: negativeTTL},
			Body:   soa(s.zone),
		}}
	}
	return r
}

func (z *Zone) answer(r *response, q dnsmessage.Question, records []record) {
	for _, a := range records {
		ttl := uint32(recordTTL)
		if q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA {
			ttl = addressTTL
		}
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}
		r.answers = append(r.answers, dnsmessage.Resource{Header: h, Body: a.body})
		r.said = append(r.said, a.said)
	}
}

// records are those of a canonical name that exists in a zone; none if it has
// none of that type. What they point at exists too, if the zone does.
func (z *Zone) records(name, zone string, t dnsmessage.Type) []record {
	_, arpa := pointed(name)
	switch {
	case t == dnsmessage.TypeALL: // what RFC 8482 section 4.2 says instead of all
		return []record{{&dnsmessage.UnknownResource{Type: dnsmessage.TypeHINFO, Data: []byte("\x07RFC8482\x00")}, "RFC8482"}}
	case t == dnsmessage.TypeSOA && name == zone:
		return []record{{soa(zone), decode.Printable(primary(zone))}}
	case t == dnsmessage.TypeNS && name == zone:
		return nameServers(zone)
	case t == dnsmessage.TypePTR:
		return z.pointerRecords(name)
	case name == "" || arpa != "":
		return nil
	case t == dnsmessage.TypeA || t == dnsmessage.TypeAAAA:
		return z.addressRecords(name, t)
	case zone == "" || fixedAddrs(name) != nil:
		return nil
	case t == dnsmessage.TypeMX:
		host := absolute("mail." + zone)
		return []record{{&dnsmessage.MXResource{Pref: 10, MX: host}, printable(host)}}
	case t == dnsmessage.TypeTXT:
		s := text(name)
		return []record{{&dnsmessage.TXTResource{TXT: []string{s}}, s}}
	case t == dnsmessage.TypeSRV:
		return service(name)
	}
	return nil
}

func (z *Zone) pointerRecords(name string) []record {
	a, _ := pointed(name)
	target := z.pointer(a)
	if target == "" {
		return nil
	}
	return []record{{&dnsmessage.PTRResource{PTR: absolute(target)}, decode.Printable(target)}}
}

func (z *Zone) addressRecords(name string, t dnsmessage.Type) (out []record) {
	for _, a := range z.Addresses(name) {
		switch {
		case a.Is4() && t == dnsmessage.TypeA:
			out = append(out, record{&dnsmessage.AResource{A: a.As4()}, a.String()})
		case a.Is6() && t == dnsmessage.TypeAAAA:
			out = append(out, record{&dnsmessage.AAAAResource{AAAA: a.As16()}, a.String()})
		}
	}
	return out
}

// text is what a domain says in its TXT records: who sends its mail.
func text(name string) string {
	if strings.HasPrefix(name, "_dmarc.") {
		return "v=DMARC1; p=none"
	}
	return "v=spf1 mx ~all"
}

// ports are those of services whose servers are found by SRV records.
var ports = []struct {
	service string
	port    uint16
}{
	{"_autodiscover", 443},
	{"_etcd-client", 2379},
	{"_etcd-server", 2380},
	{"_gc", 3268},
	{"_http", 80},
	{"_imap", 143},
	{"_imaps", 993},
	{"_kerberos", 88},
	{"_kpasswd", 464},
	{"_ldap", 389},
	{"_ldaps", 636},
	{"_minecraft", 25565},
	{"_mongodb", 27017},
	{"_ntp", 123},
	{"_pop3s", 995},
	{"_sip", 5060},
	{"_sips", 5061},
	{"_stratum", 3333},
	{"_submission", 587},
	{"_xmpp-client", 5222},
	{"_xmpp-server", 5269},
}

// service is the SRV record of "_service._protocol.host": that host, on the
// usual port or else on that of HTTPS.
func service(name string) []record {
	labels := strings.SplitN(name, ".", 3)
	if len(labels) < 3 || !strings.HasPrefix(labels[0], "_") || !strings.HasPrefix(labels[1], "_") {
		return nil
	}
	port := uint16(443)
	for _, p := range ports {
		if p.service == labels[0] {
			port = p.port
		}
	}
	host := absolute(labels[2])
	return []record{{&dnsmessage.SRVResource{Weight: 1, Port: port, Target: host}, printable(host)}}
}

// primary is the first name server of a zone: of the root, of a top-level
// domain, or of what somebody bought.
func primary(zone string) string {
	switch {
	case zone == "":
		return "a.root-servers.net"
	case !strings.Contains(zone, "."):
		return "a.nic." + zone
	}
	return "ns1." + zone
}

func nameServers(zone string) (out []record) {
	list := []string{primary(zone)}
	if strings.Contains(zone, ".") {
		list = append(list, "ns2."+zone)
	}
	for _, s := range list {
		out = append(out, record{&dnsmessage.NSResource{NS: absolute(s)}, printable(absolute(s))})
	}
	return out
}

func soa(zone string) *dnsmessage.SOAResource {
	const serial = 2025010101 // as most write it: a day and a count
	return &dnsmessage.SOAResource{
		NS:   absolute(primary(zone)),
		MBox: absolute(strings.Join(slices.DeleteFunc([]string{"hostmaster", zone}, func(s string) bool { return s == "" }), ".")),
		// In seconds, as RIPE-203 recommends them.
		Serial: serial, Refresh: 86400, Retry: 7200, Expire: 3600000, MinTTL: negativeTTL,
	}
}

// absolute is a name as messages have it. One that is too long is the zero
// Name, which no message takes.
func absolute(name string) dnsmessage.Name {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return dnsmessage.Name{}
	}
	return n
}
