package reporttest_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

// Every field of a hostile report is filled, also those that somebody adds.
func TestHostileIsWhole(t *testing.T) {
	const payload = "<x>"
	var look func(v reflect.Value, at string)
	payloads := 0
	look = func(v reflect.Value, at string) {
		if v.IsZero() && at != "Report.Run.Processes[0].Parent" {
			t.Errorf("%s is empty", at)
			return
		}
		switch v.Kind() {
		case reflect.String:
			if v.String() == payload {
				payloads++
			} else if v.Type().PkgPath() == "" {
				t.Errorf("%s is %q", at, v)
			}
		case reflect.Pointer:
			look(v.Elem(), at)
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i), at+"["+string(rune('0'+i))+"]")
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				look(k, at+" key")
				look(v.MapIndex(k), at+" value")
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				if v.Type().Field(i).Tag.Get("json") == "-" {
					continue // it is not told
				}
				look(v.Field(i), at+"."+v.Type().Field(i).Name)
			}
		}
	}
	look(reflect.ValueOf(*reporttest.Hostile(payload)), "Report")
	if payloads < 300 {
		t.Errorf("%d strings are the payload", payloads)
	}
}

func TestPayloads(t *testing.T) {
	names, digests := map[string]bool{}, map[detonaut.Digest]bool{}
	for _, p := range reporttest.Payloads() {
		r := reporttest.Hostile(p.Text)
		if names[p.Name] || p.Text == "" || digests[r.Image.Digest] {
			t.Errorf("%s: there is such a payload", p.Name)
		}
		names[p.Name], digests[r.Image.Digest] = true, true
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestRealistic(t *testing.T) {
	words, digests := map[detonaut.Word]bool{}, map[detonaut.Digest]bool{}
	for seed := range uint64(16) {
		r := reporttest.Realistic(seed)
		if !reflect.DeepEqual(r, reporttest.Realistic(seed)) {
			t.Errorf("seed %d makes several reports", seed)
		}
		if digests[r.Image.Digest] || len(r.Findings) == 0 || r.Run == nil || len(r.Vulnerabilities) == 0 || !r.Coverage.Full {
			t.Errorf("seed %d makes %+v", seed, r)
		}
		words[r.Verdict.Word], digests[r.Image.Digest] = true, true
	}
	if len(words) < 4 {
		t.Errorf("the verdicts are %v", words)
	}
}

func TestLarge(t *testing.T) {
	r := reporttest.Large()
	if len(r.Inventory.Packages) < 400 || len(r.Vulnerabilities) < 800 || len(r.Run.Processes) < 200 {
		t.Errorf("%d packages, %d vulnerabilities, %d processes", len(r.Inventory.Packages), len(r.Vulnerabilities), len(r.Run.Processes))
	}
}
