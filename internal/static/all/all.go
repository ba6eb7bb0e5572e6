// Package all lists the analyzers of files that are used.
package all

import (
	"errors"
	"sync"

	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/malware"
	"github.com/detonaut/detonaut/internal/static/malware/rule"
	"github.com/detonaut/detonaut/internal/static/tool"
	"github.com/detonaut/detonaut/rules"
)

// Analyzers returns every analyzer, that of malware going by what a source has.
func Analyzers(from malware.Source) []static.Analyzer {
	return []static.Analyzer{malware.New(from)}
}

// Ours is what comes with Detonaut.
func Ours() malware.Source {
	return malware.Source{Digest: rulebook.Sum(rules.Files(), rules.Tools())[:12], Load: sync.OnceValues(func() (malware.Knowledge, error) {
		set, err := rule.LoadOurs(rules.Files())
		tools, terr := tool.Load(rules.Tools())
		return malware.Knowledge{Rules: set, Tools: tools}, errors.Join(err, terr)
	})}
}
