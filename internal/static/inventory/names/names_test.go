package names

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/image"
)

// FuzzMatch compares the finding of names with looking at all of them.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{
		"**/package.json", "**/*.{jar,so}", "**/lib/*.so", "/usr/**/tool", "**/odd/**", "**/[x]/*", "**/a\\*b", "{a,b/c}/d", "usr/bin/t*", "**",
	} {
		f.Add(p, "usr/bin/tool\nopt/app/package.json\nodd/[x]/package.json")
	}
	f.Fuzz(func(t *testing.T, pattern, lines string) {
		if len(pattern) > 60 || len(lines) > 300 || !doublestar.ValidatePattern(pattern) || strings.Contains(pattern, "\n") {
			return
		}
		x := &image.Index{}
		for p := range strings.SplitSeq(lines, "\n") {
			if clean := strings.TrimPrefix(path.Clean("/"+p), "/"); clean == p && p != "" {
				x.Entries = append(x.Entries, image.Entry{Path: p, Kind: "text"})
			}
		}
		slices.SortFunc(x.Entries, func(a, b image.Entry) int { return strings.Compare(a.Path, b.Path) })
		x.Entries = slices.CompactFunc(x.Entries, func(a, b image.Entry) bool { return a.Path == b.Path })
		var got, want []string
		for _, h := range New(x).Match(pattern) {
			got = append(got, h.By)
		}
		rooted := pattern
		if !strings.HasPrefix(rooted, "/") && !strings.HasPrefix(rooted, "**") {
			rooted = "/" + rooted
		}
		for _, e := range x.Entries {
			if doublestar.MatchUnvalidated(rooted, "/"+e.Path) {
				want = append(want, "/"+e.Path)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", pattern, diff)
		}
	})
}
