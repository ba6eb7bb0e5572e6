package rule

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Types of what the network saw.
var (
	flowType    = cel.ObjectType("Flow")
	dnsType     = cel.ObjectType("DNS")
	tlsType     = cel.ObjectType("TLS")
	httpType    = cel.ObjectType("HTTP")
	headerType  = cel.ObjectType("Header")
	bodyType    = cel.ObjectType("Body")
	messageType = cel.ObjectType("Message")
	baitType    = cel.ObjectType("Bait")
	trustType   = cel.ObjectType("Trust")
)

// trafficValue makes a CEL value of a type of what the network saw; nil if it
// is of another.
func trafficValue(value any) ref.Val {
	switch x := value.(type) {
	case *tape.Flow:
		return &object{flowType, x}
	case *tape.DNS:
		return &object{dnsType, x}
	case *tape.TLS:
		return &object{tlsType, x}
	case *tape.HTTP:
		return &object{httpType, x}
	case *tape.Header:
		return &object{headerType, x}
	case *tape.Body:
		return &object{bodyType, x}
	case *tape.Message:
		return &object{messageType, x}
	case *tape.Bait:
		return &object{baitType, x}
	case *tape.Trust:
		return &object{trustType, x}
	default:
		return nil
	}
}

// trafficTable lists the fields of those types.
func trafficTable() map[string]map[string]*field {
	return map[string]map[string]*field{
		"Flow": flowFields(),
		"DNS": {
			"name":      text(func(d *tape.DNS) string { return d.Name }),
			"type":      text(func(d *tape.DNS) string { return d.Type }),
			"transport": text(func(d *tape.DNS) string { return d.Transport }),
			"code":      text(func(d *tape.DNS) string { return d.Code }),
			"answers":   texts(func(d *tape.DNS) []string { return d.Answers }),
			"live":      truth(func(d *tape.DNS) bool { return d.Live }),
		},
		"TLS":  tlsFields(),
		"HTTP": httpFields(),
		"Header": {
			"name":  text(func(h *tape.Header) string { return h.Name }),
			"value": text(func(h *tape.Header) string { return h.Value }),
		},
		"Body": {
			"size":   number(func(b *tape.Body) int64 { return b.Size }),
			"sha256": text(func(b *tape.Body) string { return b.SHA256 }),
			"kept":   truth(func(b *tape.Body) bool { return b.Kept }),
			"text":   text(func(b *tape.Body) string { return b.Text }),
		},
		"Message": {
			"protocol": text(func(m *tape.Message) string { return m.Protocol }),
			"verb":     text(func(m *tape.Message) string { return m.Verb }),
			"fields":   named(func(m *tape.Message) map[string]string { return m.Fields }),
		},
		"Bait": {
			"name":     text(func(b *tape.Bait) string { return b.Name }),
			"source":   text(func(b *tape.Bait) string { return b.Source }),
			"encoding": text(func(b *tape.Bait) string { return b.Encoding }),
			"place":    text(func(b *tape.Bait) string { return b.Place }),
			"home":     truth(func(b *tape.Bait) bool { return b.Home }),
			"path":     text(func(b *tape.Bait) string { return b.Path }),
			"event":    number(func(b *tape.Bait) uint64 { return b.Event }),
		},
		"Trust": {
			"path":  text(func(t *tape.Trust) string { return t.Path }),
			"kind":  text(func(t *tape.Trust) string { return t.Kind }),
			"error": text(func(t *tape.Trust) string { return t.Error }),
		},
	}
}

func flowFields() map[string]*field {
	return map[string]*field{
		"network":  text(func(f *tape.Flow) string { return f.Network }),
		"local":    text(func(f *tape.Flow) string { return f.Local }),
		"remote":   text(func(f *tape.Flow) string { return f.Remote }),
		"name":     text(func(f *tape.Flow) string { return f.Name }),
		"protocol": text(func(f *tape.Flow) string { return f.Protocol }),
		"tls":      truth(func(f *tape.Flow) bool { return f.TLS }),
		"start":    number(func(f *tape.Flow) int64 { return f.Start }),
		"sent":     number(func(f *tape.Flow) int64 { return f.Sent }),
		"received": number(func(f *tape.Flow) int64 { return f.Received }),
		"end":      text(func(f *tape.Flow) string { return f.End }),
		"reason":   text(func(f *tape.Flow) string { return f.Reason }),
		"live":     truth(func(f *tape.Flow) bool { return f.Live }),
		"head":     text(func(f *tape.Flow) string { return f.Head }),
	}
}

func tlsFields() map[string]*field {
	return map[string]*field{
		"sni":         text(func(t *tape.TLS) string { return t.SNI }),
		"alpn":        texts(func(t *tape.TLS) []string { return t.ALPN }),
		"ja4":         text(func(t *tape.TLS) string { return t.JA4 }),
		"version":     text(func(t *tape.TLS) string { return t.Version }),
		"cipher":      text(func(t *tape.TLS) string { return t.Cipher }),
		"protocol":    text(func(t *tape.TLS) string { return t.Protocol }),
		"certificate": text(func(t *tape.TLS) string { return t.Certificate }),
		"rejected":    truth(func(t *tape.TLS) bool { return t.Rejected }),
		"error":       text(func(t *tape.TLS) string { return t.Error }),
	}
}

func httpFields() map[string]*field {
	return map[string]*field{
		"method":           text(func(h *tape.HTTP) string { return h.Method }),
		"url":              text(func(h *tape.HTTP) string { return h.URL }),
		"version":          text(func(h *tape.HTTP) string { return h.Version }),
		"headers":          list(headerType, func(h *tape.HTTP) []tape.Header { return h.Headers }),
		"body":             payload(bodyType, func(h *tape.HTTP) *tape.Body { return h.Body }),
		"status":           number(func(h *tape.HTTP) int { return h.Status }),
		"response_headers": list(headerType, func(h *tape.HTTP) []tape.Header { return h.ResponseHeaders }),
		"response_body":    payload(bodyType, func(h *tape.HTTP) *tape.Body { return h.ResponseBody }),
		"answer":           text(func(h *tape.HTTP) string { return h.Answer }),
		"start":            number(func(h *tape.HTTP) int64 { return h.Start }),
		"live":             truth(func(h *tape.HTTP) bool { return h.Live }),
		"replayed":         truth(func(h *tape.HTTP) bool { return h.Replayed }),
	}
}

// header is the value of the first header of a request with a name, in any
// case; "" if it has none.
func header(h *tape.HTTP, name string) string {
	for i := range h.Headers {
		if strings.EqualFold(h.Headers[i].Name, name) {
			return h.Headers[i].Value
		}
	}
	return ""
}
