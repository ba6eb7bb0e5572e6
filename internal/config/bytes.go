package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes, written as "512MiB", "10GB" or a plain number.
type Bytes int64

// Units, in the order in which they are tried: a longer suffix first.
var units = []struct {
	suffix string
	size   float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

// String gives the shortest form that UnmarshalText reads as b.
func (b Bytes) String() string {
	short := strconv.FormatInt(int64(b), 10)
	for _, u := range units[:len(units)-2] {
		if unit := Bytes(u.size); b != 0 && b%unit == 0 {
			if s := strconv.FormatInt(int64(b/unit), 10) + u.suffix; len(s) <= len(short) {
				short = s
			}
		}
	}
	return short
}

// UnmarshalText reads a number and an optional unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || n < 0 || n*u.size >= math.MaxInt64 {
			break
		}
		*b = Bytes(n * u.size)
		return nil
	}
	return fmt.Errorf("%q is no size such as 512MiB or 10GB", s)
}

// MarshalText is the inverse of UnmarshalText.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }
