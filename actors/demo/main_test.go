package main

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
)

func TestCheck(t *testing.T) {
	actors := []cast.Actor{{Name: "miner", Word: detonaut.Unwanted}, {Name: "web", Word: detonaut.Clean}}
	for _, tt := range []struct{ name, reports, want string }{
		{"as it should be", `{"verdict":{"word":"unwanted"}}` + "\n" + `{"verdict":{"word":"clean"}}` + "\n", ""},
		{"missed", `{"verdict":{"word":"clean"}}` + "\n" + `{"verdict":{"word":"clean"}}` + "\n", "miner is judged clean, want unwanted"},
		{"one lost", `{"verdict":{"word":"unwanted"}}` + "\n", "1 reports of 2 images"},
		{"no report", "{\n{\n", "read report of miner"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check([]byte(tt.reports), actors)
			if got := err != nil; got != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check = %v, want an error with %q", err, tt.want)
			}
		})
	}
}
