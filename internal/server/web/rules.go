package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/store"
)

// ruleLine is a rule in a list.
type ruleLine struct{ rulebook.Info }

// lineOf is a rule as a line.
func lineOf(r *Rule) ruleLine { return ruleLine{rulebook.InfoOf(r.Kind, &r.Finding, r.References)} }

// rulesView is the list of rules.
type rulesView struct {
	Attack string
	Total  int
	Words  string
	Groups []ruleGroup
}

// ruleGroup are rules of one folder.
type ruleGroup struct {
	Name  string
	Lines []ruleLine
}

// rulesTwin is the same for programs.
type rulesTwin struct {
	Attack string     `json:"attack"`
	Rules  []ruleLine `json:"rules"`
}

// ruleList lists the rules, or those that have all of some words.
func (s *site) ruleList(r *http.Request) (*document, error) {
	words := r.URL.Query().Get("words")
	if len(words) > maxQuery {
		return nil, refused(http.StatusBadRequest, "What you look for is too long.")
	}
	view, twin := rulesView{Attack: rulebook.Attack, Total: len(s.Rules), Words: words}, rulesTwin{Attack: rulebook.Attack, Rules: []ruleLine{}}
	for i := range s.Rules {
		line := lineOf(&s.Rules[i])
		if !line.has(strings.Fields(strings.ToLower(words))) {
			continue
		}
		twin.Rules = append(twin.Rules, line)
		folder, _, _ := strings.Cut(line.ID, "/")
		name := cmp.Or(folder, line.ID)
		at := slices.IndexFunc(view.Groups, func(g ruleGroup) bool { return g.Name == name })
		if at < 0 {
			at = len(view.Groups)
			view.Groups = append(view.Groups, ruleGroup{Name: name})
		}
		view.Groups[at].Lines = append(view.Groups[at].Lines, line)
	}
	return &document{
		name: "rules", title: "Rules", about: "The rules by which Detonaut judges what container images do and hold.",
		data: view, twin: twin, noIndex: words != "",
	}, nil
}

// has tells whether a rule has all words, which are in lower case.
func (l *ruleLine) has(words []string) bool {
	text := strings.ToLower(strings.Join([]string{l.ID, l.Title, l.Meaning, l.Family, string(l.Category), string(l.Severity), strings.Join(l.Techniques, " ")}, "\n"))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// ruleView is the page of a rule.
type ruleView struct {
	Rule *ruleLine
	// Condition and Examples are parts of its source. Both are empty for a claim that is made
	// by no rule, but by an analyzer.
	Condition, Examples string
	Total               int
	Found               []store.Summary
	Next                string
}

// ruleTwin is the same for programs.
type ruleTwin struct {
	*ruleLine
	Source string `json:"source,omitempty"`
	listTwin
}

// rule is the page of a rule, and of the images that it found something in.
func (s *site) rule(r *http.Request) (*document, error) {
	id := r.PathValue("value")
	if len(id) > maxShown {
		return nil, store.ErrNotFound
	}
	images, next, err := s.having(r, store.Fact{Kind: store.RuleID, Value: id})
	if err != nil {
		return nil, err
	}
	known := s.rules[id]
	if known == nil && images.Total == 0 {
		return nil, store.ErrNotFound
	}
	view := ruleView{Total: images.Total, Found: images.Found, Next: images.Next}
	twin := ruleTwin{listTwin: listTwin{Total: images.Total, Images: listed(images.Found), Next: next}}
	title := id
	if known != nil {
		line := lineOf(known)
		title, view.Rule, twin.ruleLine, twin.Source = line.Title, &line, &line, known.Text
		view.Condition, view.Examples = conditionOf(known.Text), examplesOf(known.Text)
	}
	d := &document{name: "rule", title: title, data: view, twin: twin, path: page.RulePath(id), noIndex: r.URL.Query().Has("cursor")}
	if view.Rule != nil {
		d.about = view.Rule.Meaning
	}
	return d, nil
}

// conditionOf is the part of a rule's source that says when it holds, and examplesOf the one
// that shows where it does and does not. The rest is the claim that it makes.
func conditionOf(text string) string {
	claim := []string{"id", "title", "meaning", "severity", "confidence", "category", "family", "attack", "references", "yes", "no"}
	return fieldsOf(text, func(name string) bool { return !slices.Contains(claim, name) })
}

func examplesOf(text string) string {
	return fieldsOf(text, func(name string) bool { return name == "yes" || name == "no" })
}

// fieldsOf are the fields of a document at its top that are wanted, with the comments above
// them.
func fieldsOf(text string, wanted func(name string) bool) string {
	var out, above strings.Builder
	in := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
			above.WriteString(line)
			continue
		case line[0] >= 'a' && line[0] <= 'z':
			name, _, _ := strings.Cut(line, ":")
			if in = wanted(name); in {
				out.WriteString(above.String())
			}
		}
		above.Reset()
		if in {
			out.WriteString(line)
		}
	}
	return out.String()
}
