package malicious

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// FileName is the name of the file of imported records, in the directory of the
// vulnerability database.
const FileName = "malicious-packages"

// The file has blocks of records, one a line as JSON, each block compressed by itself;
// two tables that lead from the hash of a key, and from the head of a file's hash, to the
// block, sorted, 12 bytes a row; the head that tells where these are, as JSON; its
// length, 4 bytes; and the magic. Numbers are big-endian.
const (
	magic     = "DTNMAL1\n"
	blockSize = 32 << 10 // bytes, before compression
	row       = 12
	trailer   = 4 + len(magic)

	maxHead    = 4 << 20
	maxTable   = 64 << 20
	maxBlocks  = 1 << 20
	maxLoose   = 16 << 20 // bytes of a block: one record may be large
	maxRecords = 2_000_000
)

// storeHead tells where things are.
type storeHead struct {
	Schema int `json:"schema"`
	// Records is how many there are; Newest when the last of them was changed.
	Records int       `json:"records"`
	Newest  time.Time `json:"newest"`
	// Blocks are the ends of the blocks, in bytes from the start.
	Blocks []int64 `json:"blocks"`
	// Names and Sums are the lengths of the tables, in bytes; Tables is the hash of
	// both, Digest that of all blocks.
	Names  int64  `json:"names"`
	Sums   int64  `json:"sums"`
	Tables string `json:"tables"`
	Digest string `json:"digest"`
}

// line is a record as it is stored.
type line struct {
	ID         string      `json:"i"`
	Ecosystem  Ecosystem   `json:"e"`
	Name       string      `json:"n"`
	Versions   []string    `json:"v,omitempty"`
	Ranges     [][3]string `json:"r,omitempty"`
	All        bool        `json:"a,omitempty"`
	What       string      `json:"w,omitempty"`
	References []string    `json:"u,omitempty"`
	Sums       []string    `json:"s,omitempty"`
}

func (r *Record) line() line {
	l := line{
		ID: r.ID, Ecosystem: r.Key.Ecosystem, Name: r.Name, Versions: r.Versions, All: r.All, What: r.What, References: r.References,
	}
	for _, x := range r.Ranges {
		l.Ranges = append(l.Ranges, [3]string{x.Introduced, x.Fixed, x.Last})
	}
	for _, sum := range r.Sums {
		l.Sums = append(l.Sums, sum.String())
	}
	return l
}

func (l *line) record() (r Record, err error) {
	e := l.Ecosystem.known()
	if e == nil {
		return r, fmt.Errorf("%w: %q is no ecosystem", detonaut.ErrCorrupt, l.Ecosystem)
	}
	r = Record{
		Key: e.key(l.Name), Name: l.Name, ID: l.ID, Versions: l.Versions, All: l.All, What: l.What, Severity: detonaut.Critical,
		Family: family(l.Name), References: l.References,
	}
	for _, x := range l.Ranges {
		r.Ranges = append(r.Ranges, Range{x[0], x[1], x[2]})
	}
	for _, s := range l.Sums {
		sum, ok := parseSum(s)
		if !ok {
			return r, fmt.Errorf("%w: %q is no hash", detonaut.ErrCorrupt, s)
		}
		r.Sums = append(r.Sums, sum)
	}
	return r, nil
}

// hashOf is where a key is in the table of names. Keys of one hash are told apart by the
// records.
func hashOf(k Key) uint64 {
	h := fnv.New64a()
	io.WriteString(h, string(k.Ecosystem)) // a hash does not fail
	h.Write([]byte{0})
	io.WriteString(h, k.Name)
	return h.Sum64()
}

func headOf(sum image.Sum) uint64 { return binary.BigEndian.Uint64(sum[:8]) }

// tableRow is a row of a table.
type tableRow struct {
	hash  uint64
	block uint32
}

// write writes records as a file.
func write(w io.Writer, records []Record, newest time.Time) error {
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Key.Ecosystem, b.Key.Ecosystem), cmp.Compare(a.Key.Name, b.Key.Name), cmp.Compare(a.ID, b.ID))
	})
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return fmt.Errorf("start compressing: %w", err)
	}
	defer func() { _ = enc.Close() }() // it holds no data between blocks
	h := storeHead{Schema: 1, Records: len(records), Newest: newest.UTC(), Blocks: []int64{}}
	var names, sums []tableRow
	var block bytes.Buffer
	var end int64
	digest := sha256.New()
	flush := func() error {
		packed := enc.EncodeAll(block.Bytes(), nil)
		block.Reset()
		end += int64(len(packed))
		h.Blocks = append(h.Blocks, end)
		digest.Write(packed)
		_, err := w.Write(packed)
		return err
	}
	for i := range records {
		r := &records[i]
		b, err := json.Marshal(r.line())
		if err != nil {
			return fmt.Errorf("encode record: %w", err)
		}
		at := uint32(len(h.Blocks)) //nolint:gosec // at most maxRecords
		names = append(names, tableRow{hashOf(r.Key), at})
		for _, sum := range r.Sums {
			sums = append(sums, tableRow{headOf(sum), at})
		}
		block.Write(append(b, '\n'))
		if block.Len() >= blockSize || i == len(records)-1 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	h.Digest = hex.EncodeToString(digest.Sum(nil))
	tables := append(table(names), table(sums)...)
	h.Sums = int64(len(table(sums)))
	h.Names = int64(len(tables)) - h.Sums
	h.Tables = hashText(tables)
	head, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode head: %w", err)
	}
	tail := binary.BigEndian.AppendUint32(append(tables, head...), uint32(len(head))) //nolint:gosec // far below
	_, err = w.Write(append(tail, magic...))
	return err
}

func hashText(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// table sorts rows, and writes each once.
func table(rows []tableRow) []byte {
	slices.SortFunc(rows, func(a, b tableRow) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.block, b.block)) })
	rows = slices.Compact(rows)
	b := make([]byte, 0, len(rows)*row)
	for _, r := range rows {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, r.hash), r.block)
	}
	return b
}

// Stored is a list in a file. It holds the tables in memory, and reads records when they
// are asked for.
type Stored struct {
	file        io.ReaderAt
	closer      io.Closer
	head        storeHead
	names, sums []byte
}

// Open opens the file of imported records of a directory. Without one the error is
// [detonaut.ErrNotFound]. The caller closes what it returns.
func Open(dir string) (*Stored, error) {
	f, err := os.Open(filepath.Join(dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no records of malicious packages were imported", detonaut.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open malicious packages: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		var s *Stored
		if s, err = open(f, info.Size()); err == nil {
			s.closer = f
			return s, nil
		}
	}
	f.Close() // it was only read
	return nil, fmt.Errorf("open malicious packages: %w", err)
}

// open reads all but the records.
func open(file io.ReaderAt, size int64) (*Stored, error) {
	corrupt := func(what string) (*Stored, error) {
		return nil, fmt.Errorf("%w: %s: import the records again", detonaut.ErrCorrupt, what)
	}
	end := make([]byte, trailer)
	if size < int64(trailer) {
		return corrupt("it is cut short")
	}
	if _, err := file.ReadAt(end, size-int64(trailer)); err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(end))
	if string(end[4:]) != magic || length > maxHead || length > size-int64(trailer) {
		return corrupt("it has no head")
	}
	head := make([]byte, length)
	if _, err := file.ReadAt(head, size-int64(trailer)-length); err != nil {
		return nil, err
	}
	s := &Stored{file: file}
	if err := json.Unmarshal(head, &s.head); err != nil {
		return corrupt("its head is none")
	}
	h := &s.head
	from := size - int64(trailer) - length - h.Names - h.Sums
	if h.Schema != 1 || h.Names < 0 || h.Sums < 0 || h.Names > maxTable || h.Sums > maxTable || h.Names%row != 0 || h.Sums%row != 0 ||
		len(h.Digest) != 64 || len(h.Blocks) > maxBlocks || from < 0 || !ascend(h.Blocks, from) {
		return corrupt("its head makes no sense")
	}
	tables := make([]byte, h.Names+h.Sums)
	if _, err := file.ReadAt(tables, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if hashText(tables) != h.Tables {
		return corrupt("its tables were changed")
	}
	s.names, s.sums = tables[:h.Names], tables[h.Names:]
	return s, nil
}

// ascend tells whether blocks end one after the other, the last at end.
func ascend(blocks []int64, end int64) bool {
	before := int64(0)
	for _, b := range blocks {
		if b <= before {
			return false
		}
		before = b
	}
	return before == end
}

// Close closes the file.
func (s *Stored) Close() error {
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}

// Len is the number of records, Newest when the last of them was changed.
func (s *Stored) Len() int { return s.head.Records }

// Newest is when the last record was changed.
func (s *Stored) Newest() time.Time { return s.head.Newest }

// Version is that of the records.
func (s *Stored) Version() string { return "osv-" + s.head.Digest[:12] }

// Find implements [List].
func (s *Stored) Find(packages []Key, sums []image.Sum) ([]Record, error) {
	wanted := make(map[Key]bool, len(packages))
	var blocks []uint32
	for _, key := range packages {
		if at := lookUp(s.names, hashOf(key)); len(at) > 0 {
			wanted[key] = true
			blocks = append(blocks, at...)
		}
	}
	files := map[image.Sum]bool{}
	if len(s.sums) > 0 {
		for _, sum := range sums {
			if at := lookUp(s.sums, headOf(sum)); len(at) > 0 {
				files[sum] = true
				blocks = append(blocks, at...)
			}
		}
	}
	slices.Sort(blocks)
	var found []Record
	err := s.read(slices.Compact(blocks), func(r *Record) {
		if wanted[r.Key] || slices.ContainsFunc(r.Sums, func(sum image.Sum) bool { return files[sum] }) {
			found = append(found, *r)
		}
	})
	return found, err
}

// lookUp returns the blocks of a hash.
func lookUp(rows []byte, hash uint64) (blocks []uint32) {
	low, high := 0, len(rows)/row
	for low < high {
		if mid := (low + high) / 2; binary.BigEndian.Uint64(rows[mid*row:]) < hash {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < len(rows)/row && binary.BigEndian.Uint64(rows[low*row:]) == hash; low++ {
		blocks = append(blocks, binary.BigEndian.Uint32(rows[low*row+8:]))
	}
	return blocks
}

// read reads blocks, and gives each record in them to visit.
func (s *Stored) read(blocks []uint32, visit func(*Record)) error {
	if len(blocks) == 0 {
		return nil
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLoose))
	if err != nil {
		return fmt.Errorf("start decompressing: %w", err)
	}
	defer dec.Close()
	var packed, loose []byte
	for _, n := range blocks {
		if int64(n) >= int64(len(s.head.Blocks)) {
			return fmt.Errorf("%w: there is no block %d", detonaut.ErrCorrupt, n)
		}
		from := int64(0)
		if n > 0 {
			from = s.head.Blocks[n-1]
		}
		length := s.head.Blocks[n] - from
		if length > maxLoose {
			return fmt.Errorf("%w: a block of %d bytes", detonaut.ErrLimit, length)
		}
		packed = slices.Grow(packed[:0], int(length))[:length]
		if _, err := s.file.ReadAt(packed, from); err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		if loose, err = dec.DecodeAll(packed, loose[:0]); err != nil {
			return fmt.Errorf("%w: unpack records: %w", detonaut.ErrCorrupt, err)
		}
		for text := range bytes.Lines(loose) {
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				return fmt.Errorf("%w: read record: %w", detonaut.ErrCorrupt, err)
			}
			r, err := l.record()
			if err != nil {
				return err
			}
			visit(&r)
		}
	}
	return nil
}
