package yara_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/yara"
)

// many are rules of the form that most have.
func many(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 14)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "rule r%d { meta: author = \"A\" strings: $a = %q $b = { %x } $c = %q wide condition: 2 of them }\n", i, word(), word(), word())
	}
	return b.String()
}

// Benchmark reads 128 files of 16 kB, each alone and all together: its unit is a file.
func Benchmark(b *testing.B) {
	var files []static.File
	for i := range 128 {
		files = append(files, file(strings.Repeat(fmt.Sprintf("a line of file %d\n", i), 1000)))
	}
	for _, rules := range []int{20, 3000} {
		dir := b.TempDir()
		writeTo(b, dir, map[string]string{"rules.yar": many(rules)})
		a, err := yara.Open(b.Context(), yara.Options{Command: "yara", Rules: []string{dir}})
		if err != nil {
			b.Fatal(err)
		}
		for _, together := range []int{1, 16, 128} {
			b.Run(fmt.Sprintf("rules=%d/together=%d", rules, together), func(b *testing.B) {
				for i := 0; i < b.N; i += together {
					for _, o := range a.AnalyzeAll(b.Context(), files[:together]) {
						if o.Err != nil {
							b.Fatal(o.Err)
						}
					}
				}
			})
		}
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	}
}
