package deploy_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/golden"
)

const operating = "../docs/operating.md"

// figures are those of the table in docs/operating.md, by key.
func figures(t *testing.T, text string) map[string]float64 {
	t.Helper()
	_, rest, _ := strings.Cut(text, "<!-- figures -->")
	table, _, ok := strings.Cut(rest, "<!-- /figures -->")
	if !ok {
		t.Fatal("docs/operating.md has no table of figures")
	}
	all := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z]+) \| [^|]+ \| ([0-9.]+) \| [^|]+ \|$`).FindAllStringSubmatch(table, -1) {
		f, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[m[1]] = f
	}
	for _, key := range []string{"known", "cpu", "wall", "memory", "pulled", "requests", "looks", "row", "blobs", "busy", "vcpu", "disk", "agreed"} {
		if _, ok := all[key]; !ok {
			t.Fatalf("the table of figures has no %s", key)
		}
	}
	return all
}

// month is a survey's time: 30 days, in hours.
const month = 30 * 24

// cost is what a survey of n images costs, as docs/operating.md has the formula: lines of a table.
func cost(n float64, f map[string]float64) []string {
	analysed := n * (1 - f["known"]/100)
	hours := analysed * f["cpu"] / 3600 / (f["busy"] / 100)
	atOnce := analysed * f["wall"] / (month * 3600)
	traffic := analysed * f["pulled"] / 1e6 // TB
	blobs := analysed * f["blobs"] / 1e6    // GB
	return []string{
		round(analysed/1e6, "million"),
		round(hours, ""),
		round(hours*f["vcpu"], "USD"),
		round(hours/month, ""),
		round(atOnce, ""),
		round(atOnce*f["memory"]/1e3, "GB"),
		round(traffic, "TB"),
		round(traffic*8e12/1e9/86400, "days"),
		round((analysed*f["requests"]+n*f["looks"])/1e6, "million"),
		round(analysed/f["agreed"]/86400, "days"),
		round(analysed*f["row"]/1e6, "GB"),
		round(blobs, "GB"),
		round(blobs*f["disk"], "USD"),
	}
}

// costLines name what cost returns.
var costLines = []string{
	"analysed", "processor hours", "their price", "processors, for 30 days", "images under way at once, for 30 days", "their memory",
	"traffic", "which takes, at 1 Gbit/s", "requests", "which take, at what was agreed", "database", "blobs", "their price a month",
}

// round is a number with two digits that count, or all before the point.
func round(v float64, unit string) string {
	digits := 0
	if v < 10 {
		digits = 1
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if v >= 1000 {
		text = strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
	}
	return strings.TrimSpace(text + " " + unit)
}

// The table of costs in docs/operating.md follows from its figures. With -update it is written anew.
func TestCosts(t *testing.T) {
	b, err := os.ReadFile(operating)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	const begin, end = "-run Costs -update -->\n", "<!-- /costs -->"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/operating.md has no table of costs")
	}
	f := figures(t, text)
	var table strings.Builder
	table.WriteString("| | 1 million images | 4 million | 15 million |\n|---|---|---|---|\n")
	columns := [][]string{cost(1e6, f), cost(4e6, f), cost(15e6, f)}
	for i, name := range costLines {
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", name, columns[0][i], columns[1][i], columns[2][i])
	}
	made := head + begin + table.String() + end + tail
	if golden.Updating() {
		if err := os.WriteFile(operating, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if made != text {
		t.Error("the costs in docs/operating.md do not follow from its figures: run go test ./deploy -run Costs -update, then go generate ./docs")
	}
}

// The arithmetic, by a survey whose costs can be worked out by hand.
func TestCostFormula(t *testing.T) {
	got := cost(3.6e6, map[string]float64{
		"known": 50, "cpu": 2, "wall": 144, "memory": 100, "pulled": 10, "requests": 5, "looks": 1, "row": 10, "blobs": 1000,
		"busy": 50, "vcpu": 0.5, "disk": 0.01, "agreed": 10,
	})
	want(t, "costs", got, []string{
		"1.8 million",        // half of 3.6
		"2,000", "1,000 USD", // 3.6 million seconds are 1,000 hours, half of them idle
		"2.8", "100", "10 GB", // 2,000 / 720; 1.8 million x 144 s in 2.592 million s
		"18 TB", "1.7 days", // 144,000 s
		"13 million", "2.1 days", // 9 + 3.6; 180,000 s
		"18 GB", "1,800 GB", "18 USD",
	})
}
