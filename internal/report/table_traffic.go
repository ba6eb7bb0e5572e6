package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// network says what the subject could reach; empty if that is not known.
func (p *page) network(r *detonaut.Run) string {
	var s string
	switch r.Network {
	case "":
		return ""
	case "none":
		s = "without a network"
	case "simulated":
		s = "in a simulated internet"
	case "live":
		s = p.paint("1;31", "LIVE: it could reach the real internet")
	default:
		s = "network: " + Escape(r.Network)
	}
	if t := r.Trust; t != nil {
		s += fmt.Sprintf("; our CA is in %s", plural(t.Edited, "trust store"))
		if t.Failed > 0 {
			s += fmt.Sprintf(", %d could not be changed", t.Failed)
		}
	}
	return s
}

// traffic shows what the subject said to others.
func (p *page) traffic(r *detonaut.Run) {
	p.list("Asked for the names", escapeAll(r.Names))
	heading := "Talked to"
	if r.Network == "none" || r.Network == "" {
		heading = "Tried to reach"
	}
	p.list(heading, rows(r.Connections, connection))
	p.list("Requested", rows(r.Requests, request))
	p.list("Said", rows(r.Messages, message))
	p.baits(r.Baits)
	p.list("Refused our certificate", rows(r.Rejections, rejection))
}

func rows[T any](list []T, show func(*T) string) (rows []string) {
	for i := range list {
		rows = append(rows, show(&list[i]))
	}
	return rows
}

// connection shows one connection, escaped.
func connection(c *detonaut.Connection) string {
	s := Escape(c.Network) + " " + Escape(c.Address)
	if c.Name != "" {
		s += " (" + Escape(c.Name) + ")"
	}
	switch {
	case c.Protocol != "" && c.TLS:
		s += "  " + Escape(c.Protocol) + " in TLS"
	case c.TLS:
		s += "  TLS"
	case c.Protocol != "":
		s += "  " + Escape(c.Protocol)
	}
	if c.Sent > 0 || c.Received > 0 {
		s += fmt.Sprintf("  %s sent, %s received", bytesText(c.Sent), bytesText(c.Received))
	}
	s += "  " + by(c.PID, c.Count)
	if c.Live {
		s += ", live"
	}
	if c.Errno != "" {
		s += ": " + Escape(c.Errno)
	}
	if c.Refused != "" {
		s += ": refused (" + Escape(c.Refused) + ")"
	}
	return s
}

func request(r *detonaut.Request) string {
	// A long URL must not hide what came of it.
	s := fmt.Sprintf("%s %s -> %d", cut(Escape(r.Method), 16), cut(Escape(r.URL), maxURL), r.Status)
	if r.Sent > 0 {
		s += fmt.Sprintf(", %s sent", bytesText(r.Sent))
	}
	s += fmt.Sprintf(", %s received", bytesText(r.Received))
	switch {
	case r.Live:
		s += ", live"
	case r.Replayed:
		s += ", replayed"
	}
	return s + "  " + by(r.PID, r.Count)
}

// maxURL is how much of a URL is shown.
const maxURL = 100

func message(m *detonaut.Message) string {
	s := Escape(m.Protocol) + " " + Escape(m.Verb)
	if m.Remote != "" {
		s += " to " + Escape(m.Remote)
	}
	s += "  " + by(m.PID, m.Count)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		words = append(words, Escape(name)+"="+quoteArgs([]string{m.Fields[name]}))
	}
	if len(words) > 0 {
		s += ": " + strings.Join(words, " ")
	}
	return s
}

// baits shows those that left apart from those that were moved about.
func (p *page) baits(all []detonaut.Bait) {
	var sent, seen []string
	for i := range all {
		if b := &all[i]; b.Sent {
			sent = append(sent, bait(b))
		} else {
			seen = append(seen, bait(b))
		}
	}
	p.list("Sent planted credentials", sent)
	p.list("Showed planted credentials", seen)
}

func bait(b *detonaut.Bait) string {
	s := fmt.Sprintf("%s as %s in %s", Escape(b.Name), Escape(b.Encoding), Escape(b.Place))
	if b.Path != "" {
		s += " of " + Escape(b.Path)
	}
	if b.Remote != "" {
		s += " to " + Escape(b.Remote)
	}
	if b.Home {
		s += ", which handed it out"
	}
	return s + "  " + by(b.PID, b.Count)
}

func rejection(r *detonaut.Rejection) string {
	s := Escape(r.Name)
	if r.JA4 != "" {
		s += "  JA4 " + Escape(r.JA4)
	}
	return s + "  " + by(r.PID, r.Count)
}

// by says who did something, and how often.
func by(pid int32, count int) string {
	s := "by a process unknown"
	if pid != 0 {
		s = fmt.Sprintf("by process %d", pid)
	}
	if count > 1 {
		s += fmt.Sprintf(", %d times", count)
	}
	return s
}
