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
