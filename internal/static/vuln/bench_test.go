package vuln_test

import (
	"testing"

	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// BenchmarkMatch lists the packages of a Debian 11 with libraries of several languages,
// opens the database, and looks them up: beside it is what grype's command costs, which
// does the same.
func BenchmarkMatch(b *testing.B) {
	_, layout := mixed(b, testenv.Releases[0])
	dir := vulntest.Dir(b)
	theirs := command(b, dir, "oci-dir:"+layout)
	var listed, opened, matched float64
	packages, holes := 0, 0
	for b.Loop() {
		from := cpu()
		inv := read(b, layout)
		listed += (cpu() - from).Seconds()
		from = cpu()
		d, err := vuln.Open(dir, vuln.Options{})
		if err != nil {
			b.Fatal(err)
		}
		opened += (cpu() - from).Seconds()
		from = cpu()
		all, _ := d.Match(b.Context(), inv)
		matched += (cpu() - from).Seconds()
		packages, holes = len(inv.Packages), len(all)
		d.Close()
	}
	n := float64(b.N)
	b.ReportMetric(listed/n, "pull+list-cpu-s")
	b.ReportMetric(opened/n, "open-cpu-s")
	b.ReportMetric(matched/n, "match-cpu-s")
	b.ReportMetric(theirs.cpu, "grype-cpu-s")
	b.ReportMetric(float64(theirs.peak), "grype-MB")
	b.ReportMetric(float64(packages), "packages")
	b.ReportMetric(float64(holes), "holes")
}
