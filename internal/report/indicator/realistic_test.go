package indicator_test

import (
	"slices"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/indicator"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

// In what real programs did, only addresses that they knew by themselves are indicators, and
// nothing of what every sandbox of ours has. (The actors know 198.51.100.7.)
func TestRealistic(t *testing.T) {
	kinds := map[indicator.Kind]int{}
	reports := []*detonaut.Report{reporttest.Large()}
	for seed := range 30 {
		reports = append(reports, reporttest.Realistic(uint64(seed)))
	}
	for n, r := range reports {
		for _, i := range indicator.Of(r) {
			kinds[i.Kind]++
			if i.Kind == indicator.IP && i.Value != "198.51.100.7" || slices.Contains([]string{"dns.google", "metadata.google.internal"}, i.Value) {
				t.Errorf("report %d: %+v", n, i)
			}
			if len(i.Seen) == 0 {
				t.Errorf("report %d: %+v was seen doing nothing", n, i)
			}
		}
	}
	for _, kind := range []indicator.Kind{indicator.Domain, indicator.URL, indicator.IP, indicator.SHA256, indicator.Wallet} {
		if kinds[kind] == 0 {
			t.Errorf("no %s in any of them", kind)
		}
	}
}
