package dataset

import (
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of what is held of a table while it is written.
const (
	groupRows = 50_000
	pageBytes = 128 << 10
)

// newCodec is what compresses. It keeps some megabytes for each table that is compressed at once, so
// that all have one.
func newCodec() *zstd.Codec { return &zstd.Codec{Level: zstd.SpeedDefault} }

// definition is a table: its rows are a struct of which every field has the tags "parquet" and
// "doc".
type definition struct {
	name, doc string
	row       reflect.Type
	open      func(w io.Writer, tool string, c *zstd.Codec) sheet
}

func (d *definition) file() string { return d.name + ".parquet" }

// sheet takes results, of which a table has rows.
type sheet interface {
	add(all []store.Result) error
	close() (rows int64, err error)
}

// define makes a table of rows that come of each result; last is the one before, nil at first.
func define[T any](name, doc string, rows func(r, last *store.Result, add func(T))) definition {
	return definition{
		name: name, doc: doc, row: reflect.TypeFor[T](),
		open: func(w io.Writer, tool string, c *zstd.Codec) sheet {
			return &writer[T]{rows: rows, to: parquet.NewGenericWriter[T](w,
				parquet.CreatedBy("detonaut", tool, ""), parquet.Compression(c),
				parquet.MaxRowsPerRowGroup(groupRows), parquet.PageBufferSize(pageBytes), parquet.DataPageVersion(1),
				parquet.KeyValueMetadata("description", doc))}
		},
	}
}

type writer[T any] struct {
	rows func(r, last *store.Result, add func(T))
	to   *parquet.GenericWriter[T]
	last *store.Result
	few  []T
	n    int64
}

func (w *writer[T]) add(all []store.Result) error {
	w.few = w.few[:0]
	for i := range all {
		w.rows(&all[i], w.last, func(row T) { w.few = append(w.few, row) })
		w.last = &all[i]
	}
	if w.last != nil { // of a batch only this is kept
		kept := *w.last
		w.last = &kept
	}
	n, err := w.to.Write(w.few)
	w.n += int64(n)
	return err
}

func (w *writer[T]) close() (int64, error) { return w.n, w.to.Close() }
