package report

import (
	"fmt"
	"strings"

	"github.com/detonaut/detonaut"
)

// maxNamed is how many things one line names.
const maxNamed = 8

// coverage shows what was and was not observed.
func (p *page) coverage(r *detonaut.Report) {
	p.section("Coverage")
	c := r.Coverage
	state := "full"
	if !c.Full {
		state = "not full"
	}
	if len(c.Exercised) > 0 {
		state += ": " + strings.Join(c.Exercised, ", ")
	}
	p.printf("  %s\n", Escape(state))
	for _, gap := range c.Gaps {
		p.printf("  - %s\n", cut(Escape(gap), 2*maxText))
	}
	p.stages(r)
	p.printf("  %d events recorded, %d folded, %d cut short, %d lost\n", c.Events, c.Folded, c.Cut, c.Dropped)
	p.line("limits reached", len(c.Bounds), escapeAll(c.Bounds))
	p.line("made system calls that the sandbox does not have", len(c.Unimplemented), rows(c.Unimplemented, func(call *detonaut.Call) string {
		return Escape(call.Name) + often(call.Count)
	}))
	p.line("looked at what may tell of a sandbox", len(c.Checks), rows(c.Checks, func(check *detonaut.Check) string {
		return Escape(check.Name) + often(check.Count)
	}))
	if u := c.Unstarted; u != nil {
		p.line(fmt.Sprintf("of %s of the image, %d never ran", plural(u.Programs, "program"), u.Count), u.Count, escapeAll(u.Paths))
	}
}

// line names the first of so many things, which are escaped; nothing if there is
// none.
func (p *page) line(what string, count int, things []string) {
	if len(things) == 0 {
		return
	}
	named := things[:min(len(things), maxNamed)]
	for i, name := range named {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		what += sep + cut(name, maxText/2)
	}
	if more := count - len(named); more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	p.printf("  %s\n", what)
}

// often says how many times, where that is not once.
func often(n uint64) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", n)
}
