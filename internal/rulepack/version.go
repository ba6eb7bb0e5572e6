package rulepack

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
)

// Version is that of a pack: one to four numbers, such as 1.4.0 or 2026.11.30.
type Version string

var versionRE = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}$`)

func (v Version) valid() bool { return versionRE.MatchString(string(v)) }

// ParseVersion refuses what is no version. The error is [detonaut.ErrUsage].
func ParseVersion(text string) (Version, error) {
	if v := Version(text); v.valid() {
		return v, nil
	}
	return "", fmt.Errorf("%w: %.80q is no version: one to four numbers, such as 1.4.0", detonaut.ErrUsage, text)
}

// Compare orders versions by their numbers; those that are missing are 0.
func (v Version) Compare(other Version) int {
	a, b := strings.Split(string(v), "."), strings.Split(string(other), ".")
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(number(a, i), number(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

func number(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, _ := strconv.Atoi(parts[i]) // as was checked
	return n
}
