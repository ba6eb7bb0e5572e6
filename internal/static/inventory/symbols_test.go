package inventory

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

// aProgram is what a program in Go has of three modules.
func aProgram() *detonaut.Inventory {
	return &detonaut.Inventory{Packages: []detonaut.Package{
		{Name: "stdlib", Symbols: packSymbols(map[string][]string{
			"net/http": {"Client.Do", "Client.Do.func1", "Client.Do.gowrap2", "Client.Do", "Get"}, "crypto/internal": {"init.0.func1"},
		})},
		{Name: "bash"},
		{Name: "example.com/odd\nname", Symbols: packSymbols(map[string][]string{" #1 path\n": {"F\n"}})},
	}}
}

// TestSymbols takes the functions of programs away, and gives them back.
func TestSymbols(t *testing.T) {
	inv := aProgram()
	packed, err := Symbols(inv)
	if err != nil {
		t.Fatal(err)
	}
	kept := aProgram()
	for i := range kept.Packages {
		kept.Packages[i].Symbols = nil
	}
	if none, err := Symbols(kept); none != nil || err != nil {
		t.Errorf("of none: got %q, %v", none, err)
	}
	if err := AddSymbols(kept, bytes.NewReader(packed)); err != nil {
		t.Fatal(err)
	}
	want := []map[string][]string{{"net/http": {"Client.Do", "Get"}, "crypto/internal": nil}, nil, {"1 path": {"F"}}}
	for i := range kept.Packages {
		got, err := SymbolsOf(&kept.Packages[i])
		if diff := cmp.Diff(want[i], got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", kept.Packages[i].Name, err, diff)
		}
	}

	other := aProgram()
	other.Packages[0].Name, other.Packages[0].Symbols = "other", nil
	for name, b := range map[string][]byte{"of another inventory": packed, "cut off": packed[:len(packed)/2], "no zstd": []byte("#0 other\n")} {
		if err := AddSymbols(other, bytes.NewReader(b)); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
	if other.Packages[0].Symbols != nil {
		t.Error("functions were added all the same")
	}
}

// FuzzAddSymbols reads functions that may be anybody's.
func FuzzAddSymbols(f *testing.F) {
	packed, err := Symbols(aProgram())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add(compress("#1 bash\nnet\n F\n G\n#1 bash\n"))
	f.Add(compress("#-1 bash\nnet\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		inv := aProgram()
		if err := AddSymbols(inv, bytes.NewReader(b)); err != nil {
			return
		}
		for i := range inv.Packages {
			if _, err := SymbolsOf(&inv.Packages[i]); err != nil {
				t.Error(err)
			}
		}
		if _, err := Symbols(inv); err != nil {
			t.Error(err)
		}
	})
}
