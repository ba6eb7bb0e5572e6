// Package all lists the analyzers of files that are used.
package all

import (
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/program"
)

// Analyzers returns every analyzer.
func Analyzers() []static.Analyzer {
	return []static.Analyzer{program.Analyzer{}}
}
