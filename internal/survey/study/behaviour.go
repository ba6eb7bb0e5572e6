package study

import (
	"github.com/detonaut/detonaut/internal/store/measure"
)

// observed tells whether a run of an image says what it does.
func observed(m *measure.Measure) bool { return m.Run != nil && m.Run.Class != measure.ClassNone }

// The rows of what images do.
const (
	doesExit     = "exits at once"
	doesFail     = "exits at once, and not content"
	doesNeed     = "needs configuration"
	doesServe    = "serves"
	doesLocal    = "listens for itself only"
	doesPhone    = "phones home"
	doesFetch    = "fetches code"
	doesRunFetch = "runs code that it fetched"
)

func runTables() []table {
	ends := append(wordsOf(measure.Classes()[:len(measure.Classes())-1]), "could not be started", "no command", "not observed")
	return []table{
		{
			id: "end", title: "How a run ends", of: theAnalysed, each: true, rows: ends,
			note: "Finished: by itself within 10 seconds, with exit code 0; failed: within these, otherwise. Worked and broke: the same, later. " +
				"Waits: until nothing could happen any more. Runs: until its time was over. Bounded: ended by a limit of memory or of events.",
			image: func(m *measure.Measure, add func(string)) bool {
				switch {
				case observed(m):
					add(string(m.Run.Class))
				case m.Run != nil && m.Run.End == "not-started":
					add("could not be started")
				case m.Run == nil && m.NoCommand:
					add("no command")
				default:
					add("not observed")
				}
				return true
			},
		},
		{
			id: "does", title: "What images do that are given nothing but their name", of: theObserved,
			rows:  []string{doesExit, doesFail, doesNeed, doesServe, doesLocal, doesPhone, doesFetch, doesRunFetch},
			image: does,
		},
		{
			id: "needs", title: "What they miss", of: theObserved,
			note: "As far as what they print tells, in English: at least so many.",
			rows: wordsOf(measure.Needs()),
			image: func(m *measure.Measure, add func(string)) bool {
				if observed(m) && m.Needs != "" {
					add(string(m.Needs))
				}
				return observed(m)
			},
		},
		{
			id: "listens", title: "Where they listen", of: theObserved, top: 30,
			note: "Ports that can be reached from outside. Of an image at most 16 are counted.",
			image: func(m *measure.Measure, add func(string)) bool {
				if observed(m) {
					distinct(m.Run.Listens, add)
				}
				return observed(m)
			},
		},
	}
}

func does(m *measure.Measure, add func(string)) bool {
	if !observed(m) {
		return false
	}
	r := m.Run
	for _, row := range []struct {
		name string
		is   bool
	}{
		{doesExit, r.AtOnce()},
		{doesFail, r.Class == measure.ClassFailed},
		{doesNeed, m.Needs != ""},
		{doesServe, r.Serves()},
		{doesLocal, r.Local},
		{doesPhone, r.Phones()},
		{doesFetch, r.Fetches != ""},
		{doesRunFetch, r.Fetches == measure.FetchRan},
	} {
		if row.is {
			add(row.name)
		}
	}
	return true
}

func softwareTables() []table {
	return []table{
		{
			id: "base", title: "Distributions", of: theAnalysed, top: 25,
			note: "As images say of themselves.",
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Base == "" {
					add("does not say")
				} else {
					add(m.Base)
				}
				return true
			},
		},
		{
			id: "platform", title: "Platforms", of: theAnalysed, top: 15,
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Platform == "" {
					add("does not say")
				} else {
					add(m.Platform)
				}
				return true
			},
		},
		{
			id: "coverage", title: "Coverage", of: theAnalysed, each: true, rows: []string{"full", "not full"},
			note: "Whether all was seen that there was to see. Nothing is judged clean otherwise.",
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Full {
					add("full")
				} else {
					add("not full")
				}
				return true
			},
		},
	}
}
