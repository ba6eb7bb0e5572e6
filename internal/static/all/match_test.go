package all_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/all"
)

// TestMatch looks up what a report has kept, in another database than that of its time, and
// finds what a reading of the image finds.
func TestMatch(t *testing.T) {
	img := pull(t, text)
	old := read(t, reader(t, nil, database(t, "alpha")), img)
	report := &detonaut.Report{Image: img.Image, Inventory: old.Inventory}
	body, err := json.Marshal(report)
	kept := new(detonaut.Report)
	if err == nil {
		err = json.Unmarshal(body, kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, nil, database(t, "alpha", "beta"))
	got, err := r.Match(t.Context(), kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, r, img)
	if diff := cmp.Diff(want.Vulnerabilities, got.Vulnerabilities, cmpopts.EquateEmpty()); diff != "" || len(got.Vulnerabilities) != 2 {
		t.Errorf("(-read anew +matched):\n%s", diff)
	}
	if diff := cmp.Diff(want.Database, got.Database); diff != "" {
		t.Errorf("database (-read anew +matched):\n%s", diff)
	}
	for _, s := range want.Stages {
		if s.Name == detonaut.StageVulnerabilities && s != got.Stages[0] {
			t.Errorf("got the stage %+v, want %+v", got.Stages[0], s)
		}
	}
	for _, v := range r.MatchVersions() {
		if !strings.Contains(strings.Join(r.Versions(), " "), v) {
			t.Errorf("%s is not among %v", v, r.Versions())
		}
	}
	if !strings.Contains(strings.Join(r.Versions(), " "), all.InventoryVersion) {
		t.Errorf("%s is not among %v", all.InventoryVersion, r.Versions())
	}

	// What programs in Go have was not kept.
	kept.Inventory.Packages = append(kept.Inventory.Packages, detonaut.Package{Name: "stdlib", Version: "1.2", Type: "go-module", FoundBy: "go-module-binary-cataloger"})
	for name, symbols := range map[string]string{"none": "", "broken": "noise"} {
		got, err = r.Match(t.Context(), kept, strings.NewReader(symbols))
		if s := got.Stages[0]; err != nil || s.State != detonaut.Partial || !strings.Contains(s.Reason, "Go") || len(got.Vulnerabilities) != 2 {
			t.Errorf("%s: got %v, %+v", name, err, s)
		}
	}
	if len(kept.Inventory.Packages) != 5 || kept.Inventory.Packages[0].Symbols != nil {
		t.Error("the report was changed")
	}
	r.Database = nil
	if _, err := r.Match(t.Context(), kept, nil); err == nil {
		t.Error("matched without a database")
	}
}
