// Package all lists the analyzers of files that are used.
package all

import "github.com/detonaut/detonaut/internal/static"

// Analyzers returns every analyzer.
func Analyzers() []static.Analyzer {
	return nil
}
