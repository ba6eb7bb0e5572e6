// Package all lists the analyzers of files that are used.
package all

import (
	"errors"

	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/malware"
	"github.com/detonaut/detonaut/internal/static/malware/rule"
	"github.com/detonaut/detonaut/internal/static/tool"
	"github.com/detonaut/detonaut/rules"
)

// Analyzers returns every analyzer, that of malware going by what load returns, which has
// that digest.
func Analyzers(digest string, load func() (malware.Knowledge, error)) []static.Analyzer {
	return []static.Analyzer{malware.New(digest, load)}
}

// BuiltIn returns every analyzer, going by what comes with Detonaut alone.
func BuiltIn() []static.Analyzer {
	return Analyzers(rulebook.Sum(rules.Files(), rules.Tools()), func() (malware.Knowledge, error) {
		set, err := rule.LoadOurs(rules.Files())
		tools, terr := tool.Load(rules.Tools())
		return malware.Knowledge{Rules: set, Tools: tools}, errors.Join(err, terr)
	})
}
