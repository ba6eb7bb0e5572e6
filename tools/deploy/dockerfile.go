package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stage is one of a Dockerfile.
type stage struct {
	Name, Base string
	Commands   []string
}

// dockerfile reads one; what BuildKit's linter warns of is an error.
func dockerfile(args []string) (any, error) {
	f, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tree, err := parser.Parse(f)
	if err != nil {
		return nil, err
	}
	var warned []error
	warn := func(rule, _, _, message string, at []parser.Range) {
		line := 0
		if len(at) > 0 {
			line = at[0].Start.Line
		}
		warned = append(warned, fmt.Errorf("line %d: %s: %s", line, rule, message))
	}
	for _, w := range tree.Warnings {
		warned = append(warned, errors.New(w.Short))
	}
	stages, meta, err := instructions.Parse(tree.AST, linter.New(&linter.Config{Warn: warn}))
	if err := errors.Join(append(warned, err)...); err != nil {
		return nil, err
	}
	var all []stage
	for _, s := range stages {
		one := stage{Name: s.Name, Base: s.BaseName}
		for _, c := range s.Commands {
			one.Commands = append(one.Commands, fmt.Sprint(c))
		}
		all = append(all, one)
	}
	var given []string
	for _, m := range meta {
		for _, a := range m.Args {
			if a.Value != nil {
				given = append(given, a.Key+"="+strings.TrimSpace(*a.Value))
			}
		}
	}
	return map[string]any{"args": given, "stages": all}, nil
}
