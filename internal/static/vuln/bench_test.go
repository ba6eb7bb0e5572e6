package vuln_test

import (
	"runtime"
	"testing"

	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// BenchmarkMatch looks up the packages of a Debian 11 with libraries of several
// languages, and opens the database for it.
func BenchmarkMatch(b *testing.B) {
	_, layout := mixed(b, testenv.Releases[0])
	inv, dir := read(b, layout), vulntest.Dir(b)
	var opened, matched float64
	holes := 0
	for b.Loop() {
		from := cpu()
		d, err := vuln.Open(dir, vuln.Options{})
		if err != nil {
			b.Fatal(err)
		}
		opened += (cpu() - from).Seconds()
		from = cpu()
		all, _ := d.Match(b.Context(), inv)
		matched += (cpu() - from).Seconds()
		holes = len(all)
		d.Close()
	}
	b.ReportMetric(opened/float64(b.N), "cpu-s-open")
	b.ReportMetric(matched/float64(b.N), "cpu-s-match")
	b.ReportMetric(float64(len(inv.Packages)), "packages")
	b.ReportMetric(float64(holes), "holes")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
}
