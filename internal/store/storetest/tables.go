package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
)

// What is counted of surveys, as tables have it: a number of a survey, a value and how many there are.
const (
	itemsByState = `SELECT survey, CASE WHEN state IN (0, 6) THEN 'ready' WHEN state = 1 THEN 'queued' WHEN state = 2 THEN 'done' WHEN state IN (3, 5) THEN 'skipped' ELSE 'failed' END AS value,
  COUNT(*) AS n FROM items GROUP BY 1, 2`
	candidatesByState = `SELECT c.survey, CASE WHEN c.state = 0 AND s.listed THEN 'left out' WHEN c.state = 0 THEN 'listed' WHEN c.state IN (1, 2) THEN 'chosen' WHEN c.state = 3 THEN 'looked' ELSE 'skipped' END AS value,
  COUNT(*) AS n FROM candidates c JOIN surveys s ON s.id = c.survey GROUP BY 1, 2`
	byReason = `SELECT survey, reason AS value, COUNT(*) AS n FROM (SELECT survey, reason FROM items UNION ALL SELECT survey, reason FROM candidates) r WHERE reason <> '' GROUP BY 1, 2`
	// differ is how many counts, of a kind, differ from what tallies say.
	differ = `SELECT COUNT(*) FROM (%s) a FULL JOIN (SELECT survey, value, SUM(n) AS n FROM tallies WHERE kind = '%s' GROUP BY 1, 2) b
  ON b.survey = a.survey AND b.value = a.value WHERE COALESCE(a.n, 0) <> COALESCE(b.n, 0)`
)

// CheckTables fails unless the tables fit together: it looks for what no method of a store shows.
func CheckTables(tb testing.TB, db *sql.DB) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context()) // also at the end of a test
	for what, query := range map[string]string{
		"bodies of no report":                   "SELECT COUNT(*) FROM bodies WHERE id NOT IN (SELECT body FROM reports)",
		"facts of what is not the newest":       "SELECT COUNT(*) FROM found WHERE seq NOT IN (SELECT seq FROM reports WHERE newest)",
		"facts that are none":                   "SELECT COUNT(*) FROM found WHERE fact NOT IN (SELECT id FROM facts)",
		"digests without one newest report":     "SELECT COUNT(*) FROM (SELECT digest FROM reports GROUP BY digest HAVING SUM(CASE WHEN newest THEN 1 ELSE 0 END) <> 1) d",
		"digests whose newest is not the last":  "SELECT COUNT(*) FROM reports r WHERE newest AND seq < (SELECT MAX(seq) FROM reports o WHERE o.digest = r.digest)",
		"submissions that are done with no end": "SELECT COUNT(*) FROM submissions WHERE state NOT IN ('queued', 'running') AND finished = 0",
		"images of no repository":               "SELECT COUNT(*) FROM items i WHERE NOT EXISTS (SELECT 1 FROM candidates c WHERE c.survey = i.survey AND c.number = i.candidate)",
		"repositories of no survey":             "SELECT COUNT(*) FROM candidates WHERE survey NOT IN (SELECT id FROM surveys)",
		"counts of images that differ":          fmt.Sprintf(differ, itemsByState, "item"),
		"counts of repositories":                fmt.Sprintf(differ, candidatesByState, "repository"),
		"counts of reasons that differ":         fmt.Sprintf(differ, byReason, "reason"),
	} {
		var n int
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil || n != 0 {
			tb.Errorf("there are %d %s: %v", n, what, err)
		}
	}
}
