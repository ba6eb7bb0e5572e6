package meaning

import (
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	for no, want := range map[uintptr]string{440: "process_madvise", 441: "sys_441", 444: "landlock_create_ruleset", 469: "file_setattr", 500: "sys_500"} {
		if name, has := Missing(no); name != want || !has.Lacks(true) || has.Lacks(false) {
			t.Errorf("%d: %s, %d", no, name, has)
		}
	}
	for _, no := range []uintptr{335, 423, 512, 1 << 40} {
		if name, has := Missing(no); !strings.HasPrefix(name, "sys_") || has.Lacks(true) {
			t.Errorf("%d: %s, %d", no, name, has)
		}
	}
}
