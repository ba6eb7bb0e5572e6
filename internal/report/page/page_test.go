package page_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
)

func TestWrite(t *testing.T) {
	r := &detonaut.Report{Image: detonaut.Image{Ref: "a<b>\u202e:1"}, Verdict: detonaut.Verdict{Word: detonaut.Malicious, Sentence: "It mines."}}
	for _, single := range []bool{false, true} {
		var b bytes.Buffer
		if err := page.Write(&b, page.View{Report: r, Chrome: page.Chrome{Title: "a", Single: single}}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`<bdi>a&lt;b&gt;<i class="mark">\u202e</i>:1</bdi>`, "It mines."} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %s in\n%s", want, &b)
			}
		}
	}
}
