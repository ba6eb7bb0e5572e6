package e2e_test

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

// A call that the sandbox does not have is listed whoever makes it. Who copes
// without it is clean; who gives up is inconclusive, and the report names it.
func TestCallsThatTheSandboxLacks(t *testing.T) {
	ref := programImage(t, "lack")
	for mode, gap := range map[string]string{
		"cope":    "",
		"give-up": "exit code 1, last after vmsplice, which the sandbox does not have",
		"child":   "gave up before it, last after vmsplice, which the sandbox does not have",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := scan(t, ref, "--entrypoint", `["/lack","`+mode+`"]`)
			word := detonaut.Clean
			if gap != "" {
				word = detonaut.Inconclusive
			}
			if r.Verdict.Word != word || !strings.Contains(strings.Join(r.Coverage.Gaps, "; "), gap) {
				t.Errorf("%s with gaps %q, want %s and %q", r.Verdict.Word, r.Coverage.Gaps, word, gap)
			}
			if calls := r.Coverage.Unimplemented; len(calls) != 1 || calls[0].Name != "vmsplice" || calls[0].Count != 1 || calls[0].Event == 0 {
				t.Errorf("unimplemented calls: %+v, want vmsplice, once", calls)
			}
			if u := r.Coverage.Unstarted; u == nil || u.Programs != 1 || u.Count != 0 {
				t.Errorf("programs that never ran: %+v, want none of the one", u)
			}
		})
	}
}
