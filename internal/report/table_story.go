package report

import (
	"fmt"
	"strings"

	"github.com/detonaut/detonaut"
)

// stories shows what belongs together, and the events that tell it.
func (p *page) stories(stories []detonaut.Story) {
	if len(stories) == 0 {
		return
	}
	p.section("Stories")
	for i := range stories {
		if i == maxStories {
			p.printf("  and %d more\n", len(stories)-i)
			break
		}
		p.story(&stories[i])
	}
}

func (p *page) story(s *detonaut.Story) {
	p.printf("  %s  %s\n", p.severity(s.Severity), cut(Escape(s.Title), 2*maxText))
	if len(s.Steps) < 2 {
		return // the title says it all
	}
	for i := range s.Steps {
		p.printf("            %s\n", stepText(&s.Steps[i]))
	}
}

// stepText shows one step, and what rests on it, escaped.
func stepText(st *detonaut.Step) string {
	at := "in a file"
	if st.Event != 0 {
		at = fmt.Sprintf("event %d", st.Event)
	}
	by := ""
	if st.PID != 0 {
		by = fmt.Sprintf("pid %d ", st.PID)
	}
	s := fmt.Sprintf("%-11s  %s%s", at, by, cut(Escape(st.Text), maxText))
	if len(st.Findings) > 0 {
		s += "  (" + strings.Join(escapeAll(st.Findings[:min(len(st.Findings), maxEvidence)]), ", ")
		if more := len(st.Findings) - maxEvidence; more > 0 {
			s += fmt.Sprintf(" and %d more", more)
		}
		s += ")"
	}
	return s
}
