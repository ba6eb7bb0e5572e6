package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// payloads shows what was kept of the files and the memory of the subject, and
// what it left different.
func (p *page) payloads(r *detonaut.Run) {
	p.list("Payloads", rows(r.Payloads, payload))
	changes := slices.Clone(r.Changes)
	slices.SortStableFunc(changes, func(a, b detonaut.Change) int { return privilege(b) - privilege(a) })
	p.list("Left different from the image", rows(changes, change))
}

// privilege ranks changes: what gives rights is shown first.
func privilege(c detonaut.Change) int {
	if c.Privileged {
		return 1
	}
	return 0
}

// payload shows one content, escaped. Its hash is shown whole: people look for
// it elsewhere.
func payload(v *detonaut.Payload) string {
	var s strings.Builder
	if v.SHA256 != "" {
		s.WriteString(Escape(v.SHA256) + "  ")
	}
	if v.Type != "" {
		s.WriteString(Escape(v.Type) + ", ")
	}
	s.WriteString(bytesText(v.Size) + ", " + strings.Join(escapeAll(v.Hows), ", "))
	if !v.Kept {
		s.WriteString(", not kept")
	}
	if v.PID != 0 {
		fmt.Fprintf(&s, "  by process %d", v.PID)
	}
	for i, path := range v.Paths {
		if i == 0 {
			s.WriteString(":")
		}
		s.WriteString(" " + Escape(path))
	}
	return s.String()
}

// change shows one path that is different, escaped.
func change(c *detonaut.Change) string {
	s := map[string]string{"add": "new", "modify": "changed", "remove": "gone"}[c.Kind]
	if s == "" {
		s = Escape(c.Kind)
	}
	s = fmt.Sprintf("%-7s  %s", s, Escape(c.Path))
	if c.Target != "" {
		s += " -> " + Escape(c.Target)
	}
	var facts []string
	if c.Type != "" && c.Type != "file" {
		facts = append(facts, Escape(c.Type))
	}
	if c.Kind == "add" && c.Type == "file" {
		facts = append(facts, bytesText(c.Size))
	}
	switch {
	case c.Kind == "modify" && c.Mode != c.Was:
		facts = append(facts, fmt.Sprintf("%04o, was %04o", c.Mode, c.Was))
	case c.Privileged:
		facts = append(facts, fmt.Sprintf("%04o", c.Mode))
	}
	if c.Privileged {
		facts = append(facts, "gives rights")
	}
	if len(facts) > 0 {
		s += "  (" + strings.Join(facts, ", ") + ")"
	}
	return s
}
