package study

import (
	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store/measure"
)

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
	}
}

func toolTables() []table {
	return []table{
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
