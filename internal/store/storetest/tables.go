package storetest

import (
	"context"
	"database/sql"
	"testing"
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
	} {
		var n int
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil || n != 0 {
			tb.Errorf("there are %d %s: %v", n, what, err)
		}
	}
}
