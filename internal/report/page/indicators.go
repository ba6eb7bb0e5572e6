package page

import (
	"strings"

	"github.com/detonaut/detonaut/internal/report/indicator"
	"github.com/detonaut/detonaut/internal/store"
)

// indicators are those of the report, by kind.
type indicators struct {
	Rows  list[indicatorRow]
	Total int
	// Unlisted is how many were left out.
	Unlisted int
	// Plain and Defanged are the values of those of findings, or of all if there are none, a
	// line each, to be copied.
	Plain, Defanged string
	Lines           int
	OfFindings      bool
}

type indicatorRow struct {
	indicator.Indicator
	Shown  string // defanged
	Pivot  string
	Others int
}

// Bounds of indicators of a server's page.
const (
	maxIndicators = 40
	maxCopied     = 300
)

func (m *model) indicators() indicators {
	var v indicators
	all, left := indicator.Collect(m.Report)
	v.Total = len(all) + left
	v.Unlisted = left
	v.Rows = cutList(m, all, maxIndicators, "indicators", func(i *indicator.Indicator) indicatorRow {
		kind := pivotKinds[i.Kind]
		row := indicatorRow{Indicator: *i, Shown: i.Defanged()}
		if kind != "" {
			row.Pivot, row.Others = m.Pivot(kind, i.Value), m.Others(kind, i.Value)
		}
		return row
	})
	for i := range all {
		v.OfFindings = v.OfFindings || len(all[i].Findings) > 0
	}
	var plain, defanged strings.Builder
	for i := range all {
		if v.OfFindings && len(all[i].Findings) == 0 {
			continue
		}
		if v.Lines++; v.Lines > maxCopied {
			v.Lines = maxCopied
			break
		}
		plain.WriteString(Plain(all[i].Value, maxPivot) + "\n")
		defanged.WriteString(Plain(all[i].Defanged(), maxPivot) + "\n")
	}
	v.Plain, v.Defanged = plain.String(), defanged.String()
	return v
}

// pivotKinds are the facts by which an indicator is found elsewhere.
var pivotKinds = map[indicator.Kind]store.Kind{
	indicator.Domain: store.Domain, indicator.IP: store.IP, indicator.SHA256: store.SHA256, indicator.Wallet: store.Wallet, indicator.JA4: store.Certificate,
}
