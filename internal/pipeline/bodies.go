package pipeline

import (
	"fmt"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/static"
)

// Bounds of what is noted of bodies.
const (
	maxBodies = 10_000 // as many as there can be (artifact.DefaultLimits)
	maxEvents = 8      // of one body
	maxURL    = 200    // bytes
)

// bodies notes, as a sink of a tape, what was sent and received by HTTP: these bodies
// are read like files.
type bodies struct {
	told []static.File // without content, in the order of the tape
	at   map[string]int
}

// Record notes the bodies of an exchange.
func (b *bodies) Record(e *tape.Event) error {
	if h := e.HTTP; e.Kind == tape.HTTPExchange && h != nil {
		b.note(h.Body, e.Seq, "", "sent by "+of(h))
		b.note(h.ResponseBody, e.Seq, detonaut.Dropped, "received by "+of(h))
	}
	return nil
}

// of is a request in a few words.
func of(h *tape.HTTP) string {
	return fmt.Sprintf("%.16s %.*s", decode.Printable(h.Method), maxURL, decode.Printable(h.URL))
}

func (b *bodies) note(body *tape.Body, event uint64, use detonaut.Use, from string) {
	if body == nil || !body.Kept || body.Size == 0 {
		return
	}
	i, ok := b.at[body.SHA256]
	if !ok {
		if len(b.told) == maxBodies {
			return
		}
		if b.at == nil {
			b.at = map[string]int{}
		}
		i = len(b.told)
		b.at[body.SHA256] = i
		b.told = append(b.told, static.File{SHA256: body.SHA256, From: from, Use: use})
	}
	if f := &b.told[i]; len(f.Events) < maxEvents {
		f.Events = append(f.Events, event)
	}
}
