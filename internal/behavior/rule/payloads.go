package rule

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// Types of what was kept, and of what differs at the end.
var (
	payloadType = cel.ObjectType("Payload")
	changeType  = cel.ObjectType("Change")
)

// payloadValue makes a CEL value of one of those types; nil if it is of another.
func payloadValue(value any) ref.Val {
	switch x := value.(type) {
	case *tape.Payload:
		return &object{payloadType, x}
	case *tape.Change:
		return &object{changeType, x}
	default:
		return nil
	}
}

// payloadTable lists the fields of those types. That a change is privileged is
// not on the tape.
func payloadTable() map[string]map[string]*field {
	return map[string]map[string]*field{
		"Payload": {
			"how":     text(func(p *tape.Payload) tape.How { return p.How }),
			"path":    text(func(p *tape.Payload) string { return p.Path }),
			"sha256":  text(func(p *tape.Payload) string { return p.SHA256 }),
			"size":    number(func(p *tape.Payload) int64 { return p.Size }),
			"type":    text(func(p *tape.Payload) string { return p.Type }),
			"mode":    number(func(p *tape.Payload) uint32 { return p.Mode }),
			"address": number(func(p *tape.Payload) uint64 { return p.Address }),
			"kept":    truth(func(p *tape.Payload) bool { return p.Kept }),
		},
		"Change": {
			"path":         text(func(c *tape.Change) string { return c.Path }),
			"type":         text(func(c *tape.Change) string { return c.Type }),
			"content":      truth(func(c *tape.Change) bool { return c.Content }),
			"sha256":       text(func(c *tape.Change) string { return c.SHA256 }),
			"size":         number(func(c *tape.Change) int64 { return c.Size }),
			"target":       text(func(c *tape.Change) string { return c.Target }),
			"mode":         number(func(c *tape.Change) uint32 { return c.Mode }),
			"was":          number(func(c *tape.Change) uint32 { return c.Was }),
			"uid":          number(func(c *tape.Change) uint32 { return c.UID }),
			"gid":          number(func(c *tape.Change) uint32 { return c.GID }),
			"capabilities": text(func(c *tape.Change) string { return c.Capabilities }),
			"attrs":        texts(func(c *tape.Change) []string { return c.Attrs }),
			"privileged":   truth(behavior.Privileged),
		},
	}
}

// sizeOfPayload estimates the bytes of an event of those types.
func sizeOfPayload(e *tape.Event) (n int) {
	switch {
	case e.Payload != nil:
		n = 192 + len(e.Payload.Path) + len(e.Payload.SHA256)
	case e.Change != nil:
		c := e.Change
		n = 320 + len(c.Path) + len(c.SHA256) + len(c.Target) + len(c.Capabilities) + sizeOfTexts(c.Attrs)
	}
	return n
}
