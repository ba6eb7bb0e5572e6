package report

import (
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// family is a kind of analysis. Formats that know analyzers have a part for each.
type family string

const (
	behaviour        family = "behaviour"
	files            family = "files"
	secrets          family = "secrets"
	configuration    family = "config"
	vulnerableFamily family = "vulnerabilities"
)

// What findings of secrets and of the configuration have before the slash of their id.
const (
	secretFindings = "secret"
	configFindings = "config"
)

func families() []family {
	return []family{behaviour, files, secrets, configuration, vulnerableFamily}
}

// title says what a family looks for.
func (f family) title() string {
	return map[family]string{
		behaviour:        "what the image does when it runs",
		files:            "what its files are",
		secrets:          "secrets in its files and its history",
		configuration:    "how it is configured",
		vulnerableFamily: "known holes in its packages",
	}[f]
}

// familyOf tells which family a finding is of. Rules of behaviour have events as
// evidence, and nothing else.
func familyOf(f *detonaut.Finding) family {
	analyzer, _, _ := strings.Cut(f.ID, "/")
	switch analyzer {
	case configFindings:
		return configuration
	case secretFindings:
		return secrets
	}
	inFile := func(e detonaut.Evidence) bool { return e.Path != "" || e.SHA256 != "" }
	if len(f.Evidence) > 0 && !slices.ContainsFunc(f.Evidence, func(e detonaut.Evidence) bool { return !inFile(e) }) {
		return files
	}
	return behaviour
}

// stageFamily tells which family a stage is of. What all need (the pull) is of that of
// behaviour.
func stageFamily(name string) family {
	switch name {
	case secretFindings, detonaut.StageImage + secretFindings:
		return secrets
	case detonaut.StageConfig:
		return configuration
	case detonaut.StageInventory, detonaut.StageVulnerabilities:
		return vulnerableFamily
	case detonaut.StageRead, detonaut.StagePackages:
		return files
	}
	if strings.HasPrefix(name, detonaut.StageImage) {
		return files
	}
	return behaviour
}

// part is what one family found in an image.
type part struct {
	family   family
	findings []detonaut.Finding
	// vulnerabilities and suppressed are of that family only.
	vulnerabilities, suppressed []detonaut.Vulnerability
	// incomplete are its stages that are not complete. The first part has those of
	// families that have no part, too: nothing that was missed goes unsaid.
	incomplete []detonaut.Stage
}

// parts are the families that ran or found something, in their order; never none.
func parts(r *detonaut.Report) []part {
	ran := map[family]bool{}
	for _, s := range r.Stages {
		if s.State != detonaut.Skipped && s.Name != detonaut.StagePull && s.Name != detonaut.StageInventory {
			ran[stageFamily(s.Name)] = true
		}
	}
	by := map[family]*part{}
	for _, f := range families() {
		by[f] = &part{family: f}
	}
	for i := range r.Findings {
		p := by[familyOf(&r.Findings[i])]
		p.findings = append(p.findings, r.Findings[i])
	}
	by[vulnerableFamily].vulnerabilities, by[vulnerableFamily].suppressed = r.Vulnerabilities, r.Suppressed
	ran[vulnerableFamily] = ran[vulnerableFamily] || looked(r)
	var list []part
	for _, f := range families() {
		if ran[f] || len(by[f].findings) > 0 {
			list = append(list, *by[f])
		}
	}
	if len(list) == 0 {
		list = []part{*by[behaviour]}
	}
	for _, s := range incomplete(r) {
		i := max(0, slices.IndexFunc(list, func(p part) bool { return p.family == stageFamily(s.Name) }))
		list[i].incomplete = append(list[i].incomplete, s)
	}
	return list
}

// failed tells whether a stage of it failed.
func (p *part) failed() bool {
	return slices.ContainsFunc(p.incomplete, func(s detonaut.Stage) bool { return s.State == detonaut.Failed })
}
