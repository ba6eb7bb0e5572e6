package dataset

// Column is a column of a table, for the test that each is explained.
type Column struct{ Table, Name, Doc string }

// Columns are those of all tables.
func Columns() (all []Column) {
	for _, t := range tables() {
		for _, c := range columns(t.row) {
			all = append(all, Column{t.name, c.name, c.doc})
		}
	}
	return all
}
