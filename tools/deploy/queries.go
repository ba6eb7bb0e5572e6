package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// series are the metrics that queries are about, and the labels that each is asked for.
type series map[string]map[string]bool

// of adds those of a query.
func (s series) of(query string) error {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, m := range v.LabelMatchers {
			if m.Name == labels.MetricName {
				if s[m.Value] == nil {
					s[m.Value] = map[string]bool{}
				}
			}
		}
		for _, m := range v.LabelMatchers {
			if m.Name != labels.MetricName && v.Name != "" {
				s[v.Name][m.Name] = true
			}
		}
		return nil
	})
	return nil
}

func (s series) lists() map[string][]string {
	all := map[string][]string{}
	for name, asked := range s {
		all[name] = slices.Sorted(maps.Keys(asked))
	}
	return all
}

// rules reads a file of Prometheus' rules, and returns what series they are about, with the names of
// alerts.
func rules(args []string) (any, error) {
	groups, errs := rulefmt.ParseFile(args[0], false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	found := series{}
	var alerts []map[string]any
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if err := found.of(r.Expr); err != nil {
				return nil, err
			}
			alerts = append(alerts, map[string]any{"alert": r.Alert, "for": r.For.String(), "labels": r.Labels, "annotations": r.Annotations})
		}
	}
	return map[string]any{"series": found.lists(), "alerts": alerts}, nil
}

// queries reads a file with a list of them, as JSON, and returns what series they are about.
func queries(args []string) (any, error) {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return nil, err
	}
	var all []string
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	found := series{}
	for _, q := range all {
		if err := found.of(q); err != nil {
			return nil, err
		}
	}
	return found.lists(), nil
}
