package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// identity is which image it is, and how it asks to be run.
type identity struct {
	Name                    string
	Repository              string // path of its page
	Labels                  []field
	Env                     []field
	Entrypoint, Cmd, Health string
	Other                   []store.Summary // other fingerprints
	History                 []store.Summary
	Analyzers               []string
}

// Bounds of what is shown of the config.
const (
	maxLabels = 40
	maxLines  = 12
)

func (m *model) identity() identity {
	img := &m.Report.Image
	v := identity{
		Name: cmp.Or(nameOf(m.Name), string(img.Ref), string(img.Digest)), Entrypoint: quoteArgs(img.Config.Entrypoint),
		Cmd: quoteArgs(img.Config.Cmd), Health: quoteArgs(img.Config.Healthcheck),
		Analyzers: m.Report.Fingerprint.Analyzers[:min(len(m.Report.Fingerprint.Analyzers), 60)],
	}
	if m.Name.Repository != "" && !m.Single {
		v.Repository = RepositoryPath(store.Name{Registry: m.Name.Registry, Repository: m.Name.Repository})
	}
	for name, value := range img.Config.Labels {
		v.Labels = append(v.Labels, field{Name: name, Value: value})
	}
	slices.SortFunc(v.Labels, func(a, b field) int { return cmp.Compare(a.Name, b.Name) })
	v.Labels = v.Labels[:min(len(v.Labels), maxLabels)]
	for _, e := range img.Config.Env[:min(len(img.Config.Env), maxLabels)] {
		name, value, _ := strings.Cut(e, "=")
		v.Env = append(v.Env, field{Name: name, Value: value})
	}
	for _, s := range m.Analyses {
		if s.Key != store.Key(m.Report.Fingerprint) && len(v.Other) < maxLines {
			v.Other = append(v.Other, s)
		}
	}
	v.History = m.History[:min(len(m.History), maxLines)]
	return v
}

// nameOf is what people call an image.
func nameOf(n store.Name) string {
	if n.Repository == "" {
		return ""
	}
	s := n.Repository
	if n.Registry != "" && n.Registry != "docker.io" {
		s = n.Registry + "/" + s
	}
	if n.Tag != "" {
		s += ":" + n.Tag
	}
	return s
}

// quoteArgs is a command line whose words can be told apart.
func quoteArgs(args []string) string {
	const most = 64
	words := make([]string, 0, min(len(args), most))
	for i, a := range args {
		if i == most {
			words = append(words, "…")
			break
		}
		a = a[:min(len(a), 4*maxFull)]
		if a == "" || strings.ContainsAny(a, " \t\n'\"$`&|;<>()*?#~") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// commandOf is the command line of a process, the name of the program first.
func commandOf(p *detonaut.Process, short bool) string {
	args := p.Args
	if len(args) == 0 && short {
		return programName(p)
	} else if len(args) == 0 {
		return p.Executable
	}
	if i := slices.Index(args, p.Executable); i > 0 { // a script: its interpreter is before it
		args = args[i:]
	}
	first := p.Executable
	if short {
		first = programName(p)
	}
	return quoteArgs(append([]string{first}, args[1:]...))
}
