package pattern

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkScan looks for 3,000 texts in the programs of this machine.
func BenchmarkScan(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	var patterns []Pattern
	parts := []string{"miner", "pool", "stratum", "inject", "Payload", "Invoke-", "shell", "exploit", "scan", "brute", "Remote", "Thread", "--donate", "xmr", "/bin/", "hash", "Token", "dump"}
	for i := range 3000 {
		word := ""
		for range 2 + random.IntN(3) {
			word += parts[random.IntN(len(parts))]
			if random.IntN(3) == 0 {
				word += string(rune('a' + random.IntN(26)))
			}
		}
		patterns = append(patterns, Pattern{Name: fmt.Sprint(i), Text: word, NoCase: i%3 == 0, Wide: i%4 == 0})
	}
	s := compiled(b, patterns...)
	b.Logf("%d states, %d classes, %.1f MB", len(s.next)/s.width, s.width, float64(4*len(s.next))/1e6)
	var all []byte
	files, _ := filepath.Glob("/usr/bin/*") // the pattern is valid
	for _, f := range files {
		if len(all) > 64<<20 {
			break
		}
		if text, err := os.ReadFile(f); err == nil {
			all = append(all, text...)
		}
	}
	b.SetBytes(int64(len(all)))
	for b.Loop() {
		if _, err := s.Scan(b.Context(), bytes.NewReader(all), int64(len(all)), nil); err != nil {
			b.Fatal(err)
		}
	}
}
