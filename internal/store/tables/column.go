package tables

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut/internal/store"
)

// clean makes text of a string, which may be the subject's: see the package.
func clean[T ~string](s T) string {
	text := string(s)
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// maxID is how long what things are told from each other by may be, in bytes: an index has no place
// for much more.
const maxID = 512

// identify refuses ids that are missing or too long.
func identify(ids ...string) error {
	for _, id := range ids {
		if id == "" || len(id) > maxID {
			return fmt.Errorf("an id, hash or digest of %d bytes: %w", len(id), store.ErrInvalid)
		}
	}
	return nil
}

// nanoseconds is a time in a column; 0 is none.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment is the time of a column.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// or is t, or now if it is none; such as a column keeps it.
func (s *Store) or(t time.Time) time.Time {
	if t.IsZero() {
		t = s.now()
	}
	return moment(nanoseconds(t))
}

// list is the JSON of a column, of strings and numbers alone.
func list(v any) string {
	b, _ := json.Marshal(v) // nothing in it can fail
	return string(b)
}

// Bounds of a part of a list.
const (
	maxPage = 200
	// beyond is greater than every number of a line.
	beyond = 1<<63 - 1
)

// page reads a cursor, the number of the last line of the part before, and returns how many
// lines are wanted.
func page(p store.Page) (before int64, limit int, err error) {
	limit = max(1, min(p.Limit, maxPage))
	if p.Cursor == "" {
		return beyond, limit, nil
	}
	before, err = strconv.ParseInt(p.Cursor, 10, 64)
	if err != nil || before < 0 {
		return 0, 0, fmt.Errorf("read cursor %q: %w", p.Cursor, store.ErrInvalid)
	}
	return before, limit, nil
}

// more ends a query for so many lines, and one to see whether there are more. It is no argument:
// PostgreSQL plans for how many there are.
func more(limit int) string { return " LIMIT " + strconv.Itoa(limit+1) }

// line is a line of a list, with the number of its cursor.
type line[T any] struct {
	n    int64
	what T
}

// cut makes a part of the lines that were read, one more than are wanted if there are more.
func cut[T any](lines []line[T], limit int) (found []T, next string) {
	if len(lines) > limit {
		lines = lines[:limit]
		next = strconv.FormatInt(lines[limit-1].n, 10)
	}
	found = make([]T, len(lines))
	for i, l := range lines {
		found[i] = l.what
	}
	return found, next
}
