package rule

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// maxSummary is how many bytes the summary of a piece of evidence has at most,
// and maxTold how many events it tells of.
const (
	maxSummary = 400
	maxTold    = 3
)

// summarize says in one line what events show; p did the last of them.
func summarize(events []*tape.Event, p *behavior.Process) string {
	var parts []string
	if name := p.Name(); name != "" {
		parts = append(parts, name+": ")
	}
	for i, e := range events {
		if left := len(events) - i; i == maxTold-1 && left > 1 {
			parts = append(parts, fmt.Sprintf("... (%d more) ... ", left-1))
			e = events[len(events)-1]
			parts = append(parts, tell(e))
			break
		}
		if i > 0 {
			parts = append(parts, ", then ")
		}
		parts = append(parts, tell(e))
	}
	return limit(strings.Join(parts, ""), maxSummary)
}

// tell says what one event shows.
func tell(e *tape.Event) string {
	var s string
	switch {
	case e.Process != nil && e.Kind == tape.ProcessExec:
		s = limit(commandLine(e.Process), 200)
	case e.File != nil:
		s = limit(e.File.Path, 120)
		if e.File.Target != "" {
			s += " -> " + limit(e.File.Target, 120)
		}
		if e.Kind == tape.FileChmod {
			s += fmt.Sprintf(" %04o", e.File.Mode)
		}
	case e.Socket != nil:
		s = limit(e.Socket.Address, 120)
		if len(e.Socket.DNS) > 0 {
			s += " asks for " + limit(e.Socket.DNS[0].Name, 120)
		}
	case e.Memory != nil:
		s = fmt.Sprintf("%s of %d bytes", limit(e.Memory.Call, 20), e.Memory.Size)
	case e.Call != nil:
		var args []string
		for _, k := range slices.Sorted(maps.Keys(e.Call.Args)) {
			args = append(args, limit(k, 40)+"="+limit(e.Call.Args[k], 80))
		}
		s = strings.Join(args, " ")
	case e.Payload != nil:
		s = fmt.Sprintf("%s %s", limit(string(e.Payload.How), 20), limit(e.Payload.Path, 120))
		if e.Payload.SHA256 != "" {
			s += " sha256 " + limit(e.Payload.SHA256, 64)
		}
	case e.Change != nil:
		s = tellChange(e.Change)
	case e.End != nil:
		s = string(e.End.Reason) + " " + strings.Join(e.End.Bounds, " ")
	default:
		s = tellTraffic(e)
	}
	s = strings.TrimSpace(string(e.Kind) + " " + s)
	if e.Errno != "" {
		s += " (" + limit(e.Errno, 20) + ")"
	}
	return s
}

// tellChange says what is different at the end.
func tellChange(c *tape.Change) string {
	s := limit(c.Path, 120)
	if c.Target != "" {
		s += " -> " + limit(c.Target, 120)
	}
	if c.Mode != c.Was && c.Type == "file" {
		s += fmt.Sprintf(" %04o", c.Mode)
	}
	if c.Capabilities != "" {
		s += " with capabilities"
	}
	return s
}

// tellTraffic says what an event of the network shows.
func tellTraffic(e *tape.Event) string {
	var words []string
	say := func(prefix, s string) {
		if s != "" {
			words = append(words, prefix+limit(s, 120))
		}
	}
	switch {
	case e.FlowEnd != nil:
		f := e.FlowEnd
		say("", f.Remote)
		say("for ", f.Name)
		say("speaks ", f.Protocol)
		say("refused for ", f.Reason)
	case e.DNS != nil:
		say("", e.DNS.Name)
		say("", e.DNS.Type)
		say("over ", e.DNS.Transport)
		say("", e.DNS.Code)
	case e.TLS != nil:
		say("", e.TLS.SNI)
		say("", e.TLS.Error)
	case e.HTTP != nil:
		say("", e.HTTP.Method)
		say("", e.HTTP.URL)
		say("-> ", strconv.Itoa(e.HTTP.Status))
	case e.Message != nil:
		say("", e.Message.Protocol)
		say("", e.Message.Verb)
		for _, k := range slices.Sorted(maps.Keys(e.Message.Fields)) {
			say(limit(k, 40)+"=", e.Message.Fields[k])
		}
	case e.Bait != nil:
		say("", e.Bait.Name)
		say("as ", e.Bait.Encoding)
		say("in ", e.Bait.Place)
		say("of ", e.Bait.Path)
	case e.Trust != nil:
		say("", e.Trust.Path)
		say("", e.Trust.Error)
	}
	return strings.Join(words, " ")
}

// commandLine is the program and its arguments, and what it calls itself where
// that is another name.
func commandLine(p *tape.Process) string {
	if len(p.Args) == 0 {
		return p.Executable
	}
	words := []string{p.Executable}
	if path.Base(p.Args[0]) != path.Base(p.Executable) {
		words = append(words, "as", p.Args[0])
	}
	return strings.Join(append(words, p.Args[1:]...), " ")
}

// limit cuts s at a rune boundary.
func limit(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
