package network

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// exchangeHTTP is one request and its answer on their way to the tape.
type exchangeHTTP struct {
	internet *Internet
	stream   *stream
	event    *tape.HTTP
	cut      bool
}

func (x *exchangeHTTP) request(r *http.Request, b *body) {
	e := x.event
	var cut bool
	e.Headers, cut = headers(r.Header)
	x.cut = x.cut || cut
	if b.size > 0 {
		e.Body = x.keep(b.held, b.size, b.sum)
	}
	x.baits("http-url", []byte(r.URL.String()))
	for _, values := range r.Header {
		x.baits("http-header", []byte(strings.Join(values, "\n")))
	}
	x.internet.recordBaits(x.stream.flow, x.stream.host, "http-body", b.found)
}

func (x *exchangeHTTP) baits(place string, in []byte) {
	x.internet.recordBaits(x.stream.flow, x.stream.host, place, x.internet.find(in))
}

func (x *exchangeHTTP) answered(a answered) {
	e := x.event
	e.Status, e.Answer, e.Live, e.Replayed = a.Status, a.Answer, a.live, a.replayed
	var cut bool
	e.ResponseHeaders, cut = headers(a.Header)
	x.cut = x.cut || cut
	switch d := a.download; {
	case d != nil && d.size > 0:
		e.ResponseBody = x.keep(d.held, d.size, hex.EncodeToString(d.hash.Sum(nil)))
	case len(a.Body) > 0:
		sum := sha256.Sum256(a.Body)
		e.ResponseBody = x.keep(a.Body, int64(len(a.Body)), hex.EncodeToString(sum[:]))
	}
}

// keep hands a body to the artifacts and describes it.
func (x *exchangeHTTP) keep(held []byte, size int64, sum string) *tape.Body {
	b := &tape.Body{Size: size, SHA256: sum}
	text, cut := limited(string(held[:min(len(held), tapeText+1)]), tapeText)
	b.Text = text
	_ = cut // the size tells
	if to := x.internet.opts.Artifacts; to.Wants(artifact.Bodies) && size == int64(len(held)) {
		b.Kept = to.Blob(held) == nil
		if !b.Kept {
			x.internet.bound("artifacts")
		}
	}
	return b
}

// record writes the exchange down.
func (x *exchangeHTTP) record(a answered) {
	x.answered(a)
	if a.remember != nil {
		a.remember()
	}
	x.internet.record(x.stream.flow, &tape.Event{Kind: tape.HTTPExchange, Cut: x.cut, HTTP: x.event})
}

// send sends an answer that is there.
func (x *exchangeHTTP) send(w http.ResponseWriter, a answered) {
	maps.Copy(w.Header(), a.Header)
	bodyless := x.event.Method == http.MethodHead || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified
	if !bodyless {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	if !bodyless {
		_, _ = w.Write(a.Body) // whoever asked may be gone
	}
}

// pass sends an answer as it comes. A body that breaks off breaks off for the
// subject too.
func (x *exchangeHTTP) pass(w http.ResponseWriter, a answered) {
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	out := http.NewResponseController(w)
	err := a.download.copy(func(b []byte) error {
		_, err := w.Write(b)
		if err == nil {
			err = out.Flush()
		}
		return err
	})
	x.internet.refused(x.stream.flow, err)
	x.cut = x.cut || err != nil
	x.record(a)
	if err != nil {
		panic(http.ErrAbortHandler) // the only way to end it unfinished
	}
}

// headers are those of an exchange, sorted, as far as they fit.
func headers(h http.Header) (list []tape.Header, cut bool) {
	room := tapeHeaders
	for name, values := range h {
		for _, v := range values {
			list = append(list, tape.Header{Name: name, Value: v})
		}
	}
	slices.SortFunc(list, func(a, b tape.Header) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	for i := range list {
		name, c1 := limited(list[i].Name, room/2)
		value, c2 := limited(list[i].Value, room-len(name))
		list[i] = tape.Header{Name: name, Value: value}
		room -= len(name) + len(value)
		if c1 || c2 || room <= 0 {
			return list[:i+1], true
		}
	}
	return list, false
}

// limited makes text of the subject printable and cuts it at most bytes.
func limited(s string, most int) (string, bool) {
	cut := len(s) > most
	return decode.Printable(s[:min(len(s), most)]), cut
}
