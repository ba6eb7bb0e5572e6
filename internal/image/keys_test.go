package image

import (
	"testing"

	"github.com/detonaut/detonaut"
)

func TestCheckKeys(t *testing.T) {
	for _, tc := range []struct{ name, doc, twice string }{
		{"good", `{"layers":[{"size":1},{"size":2}],"config":{"size":3},"size":4}`, ""},
		{"labels", `{"config":{"Labels":{"a":"1","A":"2"}}}`, ""},
		{"values like keys", `{"a":"b","b":"a","c":["a","a"]}`, ""},
		{"something else", `{"x":{"a":1,"A":2}}`, ""},
		{"no JSON", `{"a":1,"a`, ""},
		{"a list", `[{"Config":"a"},{"Config":"b"}]`, ""},

		{"same", `{"layers":[],"layers":[]}`, `"layers"`},
		{"case", `{"layers":[],"Layers":[]}`, `"Layers"`},
		{"long s", `{"layers":[],"layerſ":[]}`, `"layerſ"`},
		{"in a layer", `{"layers":[{"digest":"a"},{"digest":"a","DIGEST":"b"}]}`, `"DIGEST"`},
		{"in a config", `{"config":{"Cmd":["a"],"cmd":["b"]}}`, `"cmd"`},
		{"in a list of saved images", `[{"Config":"a","config":"b"}]`, `"config"`},
		{"escaped", `{"os":"linux","o\u0073":"windows"}`, `"os"`},
		{"a label", `{"config":{"Labels":{"a":"1","a":"2"}}}`, `"a"`},
		{"after a nested value", `{"a":{"b":[{}]},"a":1}`, `"a"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkKeys([]byte(tc.doc))
			if tc.twice == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, detonaut.ErrCorrupt, tc.twice+" is there twice")
		})
	}
}
