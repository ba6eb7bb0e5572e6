package study

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Numbers as people read them. Those of samples are rounded to what their intervals carry.

// count is a number of pieces, as "12,345".
func count(v float64) string {
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	from := 0
	if strings.HasPrefix(s, "-") {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent is a share, as "51.2 %". What is more than nothing never reads as nothing, what is less than
// all never as all.
func percent(v float64) string {
	const least, most = 0.0005, 0.9995
	switch {
	case v > 0 && v < least/10:
		return "< 0.01 %"
	case v > 0 && v < least*2:
		return fmt.Sprintf("%.2f %%", 100*v)
	case v < 1 && v >= most:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// interval is "(49.8 to 52.6 %)"; empty of a number that is exact.
func interval(n Number) string {
	if low, high := percent(n.Low), percent(n.High); n.Low == n.Value && n.High == n.Value || low == high && low == percent(n.Value) {
		return ""
	}
	return "(" + strings.TrimSuffix(percent(n.Low), " %") + " to " + percent(n.High) + ")"
}

// about is a number of pieces with its interval, "12,000 (11,000 to 13,000)".
func about(n Number) string {
	if count(n.Low) == count(n.High) {
		return count(n.Value)
	}
	return count(rounded(n.Value, n)) + " (" + count(rounded(n.Low, n)) + " to " + count(rounded(n.High, n)) + ")"
}

// rounded is v to two digits of the width of an interval.
func rounded(v float64, n Number) float64 {
	width := n.High - n.Low
	if width < 100 {
		return math.Round(v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(width))-1)
	return math.Round(v/unit) * unit
}

// amountOf is a number of a unit.
func amountOf(v float64, unit string) string {
	switch unit {
	case "ns":
		return span(time.Duration(v))
	case "B":
		return size(v)
	}
	return count(v)
}

func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

func size(v float64) string {
	const unit = 1000
	if v < unit {
		return fmt.Sprintf("%.0f B", v)
	}
	names := "kMGTPE"
	v /= unit
	i := 0
	for v >= 999.95 && i < len(names)-1 {
		v, i = v/unit, i+1
	}
	return fmt.Sprintf("%.1f %cB", v, names[i])
}
