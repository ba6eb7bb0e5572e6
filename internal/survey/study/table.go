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
	return slices.Concat(catalogueTables(), weaknessTables(), threatTables(), runTables(), softwareTables())
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

func threatTables() []table {
	bad := func(m *measure.Measure) bool {
		return m.Verdict == detonaut.Malicious || m.Verdict == detonaut.Unwanted
	}
	return []table{
		{
			id: "verdict", title: "Verdict", of: theAnalysed, each: true, rows: wordsOf(detonaut.Words()),
			image: func(m *measure.Measure, add func(string)) bool { add(string(m.Verdict)); return true },
		},
		{
			id: "category", title: "Malicious and unwanted images by category", of: theAnalysed,
			note: "By what decided: each of them is in one row.",
			rows: append(wordsOf(detonaut.Categories()), "without a category"),
			image: func(m *measure.Measure, add func(string)) bool {
				if bad(m) && m.Category == "" {
					add("without a category")
				} else if bad(m) {
					add(string(m.Category))
				}
				return true
			},
		},
		{
			id: "found", title: "What was found, by category", of: theAnalysed,
			note: "Of any finding of medium severity or worse that is no guess: an image may be in several rows.",
			rows: wordsOf(detonaut.Categories()),
			image: func(m *measure.Measure, add func(string)) bool {
				distinct(m.Categories, add)
				return true
			},
		},
		{
			id: "families", title: "Families", of: theAnalysed, top: 25,
			note: "As the rules name them. Of an image at most 8 are counted.",
			image: func(m *measure.Measure, add func(string)) bool {
				distinct(m.Families, add)
				return true
			},
		},
		{
			id: "windows", title: "Windows", of: theAnalysed,
			note: "What harms Windows and is in images for Linux; by what it is made with; and what the image has that runs such things all the same.",
			rows: []string{"harms Windows", "go", "dotnet", "powershell", "other", "can be run: dotnet", "can be run: powershell", "can be run: wine", "has programs of Windows"},
			image: func(m *measure.Measure, add func(string)) bool {
				w := m.Windows
				if w != nil && w.Threats > 0 {
					add("harms Windows")
					distinct(w.By, add)
					for _, name := range w.Runtimes {
						add("can be run: " + name)
					}
				}
				if w != nil && w.Programs > 0 {
					add("has programs of Windows")
				}
				return true
			},
		},
		{
			id: "tools", title: "Miners, hacking tools and proxyware", of: theAnalysed, each: true,
			note: "Declared: the name or a title says so. Beside: it was judged for something worse.",
			rows: []string{string(measure.ToolsHidden), string(measure.ToolsDeclared), string(measure.ToolsBeside), "none"},
			image: func(m *measure.Measure, add func(string)) bool {
				if m.Tools == "" {
					add("none")
				} else {
					add(string(m.Tools))
				}
				return true
			},
		},
		{
			id: "malicious-packages", title: "Malicious packages", of: theAnalysed, top: 25,
			note: "As NAME (ECOSYSTEM). Of an image at most 8 are counted.",
			image: func(m *measure.Measure, add func(string)) bool {
				for _, p := range m.Malicious {
					add(packageName(p))
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
