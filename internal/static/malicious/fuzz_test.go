package malicious

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// Whatever a record says, it is read or refused within its bounds, and is the same after
// it was stored.
func FuzzOSV(f *testing.F) {
	f.Add([]byte(record("MAL-2025-1", "npm", "chalk", oneVersion, "")))
	f.Add([]byte(record("MAL-2025-1", "PyPI", "Some_Thing", everyVersion, `, "iocs": {"a": [["`+emptySum.String()+`"]]}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		made, _, err := parseOSV(b)
		if err != nil {
			if len(made) > 0 {
				t.Error("records beside an error")
			}
			return
		}
		if len(made) == 0 {
			return
		}
		inv := &detonaut.Inventory{}
		var keys []Key
		for i := range made {
			r := &made[i]
			if r.Key.Name == "" || len(r.Name) > maxName || len(r.What) > maxWhat+8 || len(r.References) > maxReferences || len(r.Sums) > maxSums {
				t.Errorf("%+v", r)
			}
			keys = append(keys, r.Key)
			inv.Packages = append(inv.Packages, installed(r.Key.Ecosystem.known().kind, r.Name, "1.0.0"))
		}
		var file bytes.Buffer
		if err := write(&file, made, time.Time{}); err != nil {
			t.Fatal(err)
		}
		s, err := open(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Find(keys, nil)
		if err != nil || len(found) != len(made) {
			t.Errorf("%d of %d records: %v", len(found), len(made), err)
		}
		Check(Subject{Inventory: inv}, s)
	})
}

// Whatever is in the file of imported records, it is read or refused.
func FuzzStored(f *testing.F) {
	sum, _ := parseSum("0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c")
	for n := range 3 {
		var file bytes.Buffer
		records := synthetic(n)
		for i := range records {
			records[i].Sums = []image.Sum{sum}
		}
		if err := write(&file, records, time.Time{}); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	key := synthetic(1)[0].Key
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, detonaut.ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			return
		}
		if _, err := s.Find([]Key{key}, []image.Sum{sum}); err != nil && !errors.Is(err, detonaut.ErrCorrupt) && !errors.Is(err, detonaut.ErrLimit) {
			t.Errorf("error %v", err)
		}
	})
}

// Versions have one order, whatever they are.
func FuzzOrder(f *testing.F) {
	for _, pair := range [][2]string{{"1.0.0", "1.0.0-a"}, {"v1.2", "1.2.0.0"}, {"1.0.0-1.a", "1.0.0-01"}, {"", "."}, {"1.0.0+b", "1.0.0"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		for i := range ecosystems {
			e := &ecosystems[i]
			a, okA := e.parse(x)
			b, okB := e.parse(y)
			if !okA || !okB {
				continue
			}
			if a.compare(b) != -b.compare(a) || a.compare(a) != 0 {
				t.Errorf("%s: %q and %q have no order", e.name, x, y)
			}
			if e.within(Range{Introduced: x, Fixed: y}, x) != (a.compare(b) < 0) || !e.within(Range{Last: x}, x) {
				t.Errorf("%s: range from %q to %q", e.name, x, y)
			}
		}
		r := Record{Key: Key{NPM, "a"}, Versions: []string{x}, All: true}
		r.match(y)
	})
}
