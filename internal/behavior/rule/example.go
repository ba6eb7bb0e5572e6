package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/rulebook"
)

// maxExampleEvents is how many events one example has at most, repetitions
// included.
const maxExampleEvents = 2000

// example is a piece of a tape that a rule must match, or must not, as it is
// written.
type example struct {
	Name   string      `yaml:"name"`
	Events []yaml.Node `yaml:"events"`
	// Image is what is known of the image; nothing if it is left out.
	Image facts `yaml:"image"`
}

// Test runs the examples of all rules, each on its own rule only. They are not
// looked at before: a rule whose examples are wrong works all the same.
func (s *Set) Test() []rulebook.Failure {
	var failures []rulebook.Failure
	for _, r := range s.rules {
		failures = append(failures, r.test()...)
	}
	return failures
}

func (r *Rule) test() []rulebook.Failure {
	return rulebook.Try(r.Place, r.Finding.ID, r.yes, r.no, func(x *example) string { return x.Name }, func(x *example, match bool) error {
		events, err := x.tape()
		if err != nil {
			return err
		}
		if reason := r.try(events, &x.Image, match); reason != "" {
			return errors.New(reason)
		}
		return nil
	})
}

// try runs the rule over events and says what is wrong with it.
func (r *Rule) try(events []*tape.Event, image *facts, match bool) string {
	d := newDetector(newIndex([]*Rule{r}, newShared()), image, nil)
	a := behavior.NewAnalysis(d)
	for _, e := range events {
		if err := a.Record(e); err != nil {
			return err.Error()
		}
	}
	findings, gaps := d.Conclude()
	switch {
	case len(gaps) > 0:
		return gaps[0]
	case len(findings) == 0 && match:
		return "the rule does not match and should"
	case len(findings) > 0 && !match:
		return "the rule matches and should not: " + findings[0].Evidence[0].Summary
	}
	return ""
}

// tape reads the events, which have the form of a tape, and adds what an example
// need not say: sequence numbers, times a millisecond apart. "t" may be written as "2s";
// "repeat: 20" makes as many events, with the number of each, from 1, in the
// place of $n.
func (x *example) tape() ([]*tape.Event, error) {
	if x.Name == "" || len(x.Events) == 0 {
		return nil, errors.New("an example needs a name and events")
	}
	var events []*tape.Event
	now := int64(0)
	for i := range x.Events {
		n := &x.Events[i]
		bad := func(err error) error { return fmt.Errorf("line %d: %w", n.Line, err) }
		var fields map[string]any
		if err := n.Decode(&fields); err != nil {
			return nil, bad(rulebook.LineOf(err))
		}
		if fields == nil {
			return nil, bad(errors.New("an event has at least a kind"))
		}
		times, step, err := timing(fields, &now)
		if err != nil {
			return nil, bad(err)
		}
		if len(events)+times > maxExampleEvents {
			return nil, bad(fmt.Errorf("more than %d events in an example", maxExampleEvents))
		}
		for k := range times {
			fields["seq"], fields["t"] = len(events)+1, now
			line, err := json.Marshal(fields)
			if err != nil {
				return nil, bad(err)
			}
			// $n that is the whole of a value is a number, else part of a text.
			number := fmt.Sprint(k + 1)
			text := strings.NewReplacer(`"$n"`, number, "$n", number).Replace(string(line))
			e, err := tape.Unmarshal([]byte(text))
			if err != nil {
				return nil, bad(err)
			}
			events = append(events, e)
			now += step
		}
	}
	return events, nil
}

// timing takes "t" and "repeat" out of the fields of an event.
func timing(fields map[string]any, now *int64) (times int, step int64, err error) {
	times, step = 1, int64(time.Millisecond)
	if r, ok := fields["repeat"]; ok {
		delete(fields, "repeat")
		if times, ok = r.(int); !ok || times < 1 || times > maxExampleEvents {
			return 0, 0, fmt.Errorf("repeat is 1 to %d", maxExampleEvents)
		}
	}
	switch t := fields["t"].(type) {
	case nil:
	case int:
		*now = max(*now, int64(t))
	case string:
		d, err := time.ParseDuration(t)
		if err != nil {
			return 0, 0, fmt.Errorf("t %q is no time such as 2s", t)
		}
		*now = max(*now, int64(d))
	default:
		return 0, 0, errors.New("t is a time such as 2s")
	}
	return times, step, nil
}
