package page

import (
	"slices"
	"strings"
)

// tactics are those of MITRE ATT&CK, in its order.
var tactics = []string{
	"Reconnaissance", "Resource Development", "Initial Access", "Execution", "Persistence", "Privilege Escalation", "Defense Evasion",
	"Credential Access", "Discovery", "Lateral Movement", "Collection", "Command and Control", "Exfiltration", "Impact",
}

// technique is one of ATT&CK: the tactics that it serves, by their places in tactics, and
// its name.
type technique struct {
	name    string
	tactics []string
}

// techniqueOf knows a technique by its id; a name is empty if it is none that our rules use.
func techniqueOf(id string) technique {
	t, ok := techniques[id]
	if !ok {
		return technique{}
	}
	name, in, _ := strings.Cut(t, "|")
	if base, _, ok := strings.Cut(id, "."); ok && in == "" {
		parent := techniqueOf(base)
		return technique{name: name, tactics: parent.tactics}
	}
	return technique{name: name, tactics: strings.Split(in, "|")}
}

// tacticRank orders tactics; what is none is the last.
func tacticRank(name string) int {
	if i := slices.Index(tactics, name); i >= 0 {
		return i
	}
	return len(tactics)
}

// tacticOf is the tactic that a finding is about: that of the folder of its rule, if the
// technique serves it, else the first of the technique.
func tacticOf(finding string, t technique) string {
	folder, _, _ := strings.Cut(finding, "/")
	folder = strings.ReplaceAll(folder, "-", " ")
	for _, name := range tactics {
		if strings.EqualFold(name, folder) && (slices.Contains(t.tactics, name) || len(t.tactics) == 0) {
			return name
		}
	}
	if len(t.tactics) > 0 {
		return t.tactics[0]
	}
	return "Other"
}

// isTechnique tells whether s is written as an id of a technique: "T1059.004".
func isTechnique(s string) bool {
	base, sub, found := strings.Cut(s, ".")
	return len(base) == 5 && base[0] == 'T' && digits(base[1:]) && (!found || len(sub) == 3 && digits(sub))
}

func digits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// techniqueURL is where ATT&CK tells of a technique.
func techniqueURL(id string) string {
	return "https://attack.mitre.org/techniques/" + strings.Replace(id, ".", "/", 1) + "/"
}
