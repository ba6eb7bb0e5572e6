package inventory

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
)

// TestNote takes an inventory apart and puts it together again, owners included.
func TestNote(t *testing.T) {
	in := mixture(t).input(t)
	want, _ := Read(t.Context(), in)
	note, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages in %d bytes", len(want.Packages), len(note))
	var got Inventory
	if err := got.UnmarshalBinary(note); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Inventory{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.owned, got.owned, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("owned (-want +got):\n%s", diff)
	}
	for _, broken := range [][]byte{nil, note[:len(note)/2], []byte("{}"), slices.Repeat(note, 2)[1:]} {
		if err := got.UnmarshalBinary(broken); err == nil && len(broken) > 0 {
			t.Errorf("%d bytes of nothing are an inventory", len(broken))
		}
	}
	odd := Inventory{Inventory: detonaut.Inventory{Packages: make([]detonaut.Package, 2)}, owned: make([][]string, 1)}
	if note, err = odd.MarshalBinary(); err != nil {
		t.Fatal(err)
	}
	if err := got.UnmarshalBinary(note); !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

// TestName shows what an inventory has another name for.
func TestName(t *testing.T) {
	in := mixture(t).input(t)
	index := *in.Index
	names := map[[32]byte]string{Name(in): "as it is"}
	for what, change := range map[string]func(){
		"content": func() { index.Entries[1].SHA256[0]++ },
		"path":    func() { index.Entries[1].Path += "x" },
		"mode":    func() { index.Entries[1].Mode ^= 0o100 },
		"layer":   func() { index.Layers[0] += "0" },
		"limits":  func() { in.Limits.Packages = 7 },
	} {
		index.Entries, index.Layers = slices.Clone(in.Index.Entries), slices.Clone(in.Index.Layers)
		changed := in
		changed.Index = &index
		limits := in.Limits
		change()
		changed.Limits, in.Limits = in.Limits, limits
		if other, ok := names[Name(changed)]; ok {
			t.Errorf("with another %s it has the name that it has %s", what, other)
		}
		names[Name(changed)] = "with another " + what
	}
}
