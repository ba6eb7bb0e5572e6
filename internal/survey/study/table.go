package study

import (
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// table says what is counted. One of repository and image is set, or neither of [itemTable]; it
// calls add for each row that it belongs to, once, and tells whether it is of those that the
// table is about.
type table struct {
	id, title string
	// of is what the table is about, note what is to be known of it.
	of, note string
	// each is set if everything is in exactly one row.
	each bool
	// rows are those that are there whatever was counted, in their order.
	rows []string
	// top is how many rows of one without rows are printed, the most frequent first.
	top        int
	repository func(c *store.Candidate, add func(row string)) bool
	image      func(m *measure.Measure, add func(row string)) bool
}

// itemTable is the number of the table of items.
const itemTable = 1

// tables lists them in the order in which they are printed.
func tables() []table {
	return slices.Concat(catalogueTables(), weaknessTables(), threatTables(), toolTables(), runTables(), softwareTables())
}

// reason is a reason, and something for one that is missing.
func reason(r store.Reason) string {
	if r == "" {
		return "no reason is known"
	}
	return string(r)
}

const (
	theAnalysed = "images that were analysed"
	theObserved = "images whose run was observed to its end"
	theLooked   = "images in which vulnerabilities were looked for"
)

func catalogueTables() []table {
	return []table{
		{
			id: "repositories", title: "Repositories", of: "repositories that were chosen", each: true, top: 40,
			note: "What was found under their names.",
			repository: func(c *store.Candidate, add func(string)) bool {
				switch c.State {
				case store.CandidateLooked:
					add("has images")
				case store.CandidateSkipped:
					add(reason(c.Reason))
				case store.CandidateListed, store.CandidateLeftOut, store.CandidateChosen:
					add("not yet")
				}
				return true
			},
		},
		{
			id: "items", title: "Images that were wanted", of: "tags and platforms that were chosen", each: true, top: 40,
			note: "What became of them. Under several names one image is several; everything below counts it once.",
		},
	}
}

func weaknessTables() []table {
	return []table{
		{
			id: "severity", title: "Worst vulnerability", of: theAnalysed, each: true,
			note: "Medium is what is called moderate elsewhere. Low has negligible in it. Unknown are images in which none were looked for, or all are of unknown severity.",
			rows: []string{"critical", "high", "medium", "low", "none", "unknown"},
			image: func(m *measure.Measure, add func(string)) bool {
				worst := m.Vulnerability
				if worst == detonaut.Negligible {
					worst = detonaut.Low
				}
				add(string(worst))
				return true
			},
		},
		{
			id: "reached", title: "Worst vulnerability in what ran", of: theLooked + ", and whose run was observed", each: true,
			note: "Only packages of which a file was executed or loaded count.",
			rows: []string{"critical", "high", "medium", "low", "none", "unknown"},
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Vulnerabilities == nil || !observed(m) {
					return false
				}
				add(worstOf(m.Vulnerabilities.Reached))
				return true
			},
		},
		{
			id: "exploited", title: "Vulnerabilities that are exploited", of: theLooked,
			note: "By the list of CISA of those that are known to be.",
			rows: []string{"known to be exploited"},
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Vulnerabilities == nil {
					return false
				}
				if m.Vulnerabilities.Exploited > 0 {
					add("known to be exploited")
				}
				return true
			},
		},
		{
			id: "critical-packages", title: "Packages behind critical vulnerabilities", of: theLooked, top: 25,
			note: "As NAME (ECOSYSTEM). Of an image at most 12 are counted.",
			image: func(m *measure.Measure, add func(string)) bool {
				for _, p := range m.Criticals {
					p.Reached = false
					add(packageName(p))
				}
				return m.Vulnerabilities != nil
			},
		},
		{
			id: "secrets", title: "Secrets", of: theAnalysed,
			note: "In files and settings. Sure are those whose form is proof or nearly so, whatever they open.",
			rows: []string{"any", "sure"},
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Secrets != nil {
					add("any")
					if m.Secrets.Sure {
						add("sure")
					}
				}
				return true
			},
		},
		{
			id: "secret-kinds", title: "Kinds of secrets", of: theAnalysed, top: 25,
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Secrets != nil {
					distinct(m.Secrets.Kinds, add)
				}
				return true
			},
		},
	}
}

// wordsOf are words as text.
func wordsOf[T ~string](all []T) (texts []string) {
	for _, w := range all {
		texts = append(texts, string(w))
	}
	return texts
}

// distinct adds what is not empty, each once. Lists of measures are short.
func distinct[T ~string](all []T, add func(string)) {
	for i, v := range all {
		if v != "" && !slices.Contains(all[:i], v) {
			add(string(v))
		}
	}
}

func packageName(p measure.Package) string { return p.Name + " (" + p.Type + ")" }

func worstOf(c measure.Counts) string {
	switch {
	case c.Critical > 0:
		return "critical"
	case c.High > 0:
		return "high"
	case c.Medium > 0:
		return "medium"
	case c.Low+c.Negligible > 0:
		return "low"
	case c.Unknown > 0:
		return "unknown"
	}
	return "none"
}
