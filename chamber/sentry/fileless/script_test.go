package fileless

import "testing"

func TestScriptSource(t *testing.T) {
	const none = -2
	for _, tc := range []struct {
		executable string
		args       []string
		want       int32
	}{
		{"/bin/dash", []string{"sh"}, 0},
		{"/bin/busybox", []string{"/bin/sh", "-ex"}, 0},
		{"/bin/bash", []string{"-bash"}, 0},
		{"/bin/bash", []string{"bash", "-s", "--", "install"}, 0},
		{"/bin/bash", []string{"bash", "-eo", "pipefail"}, 0},
		{"/bin/bash", []string{"bash", "-"}, 0},
		{"/bin/bash", []string{"bash", "/dev/stdin", "x"}, 0},
		{"/bin/bash", []string{"bash", "/dev/fd/63"}, anyPipe},
		{"/bin/bash", []string{"bash", "-c", "echo"}, none},
		{"/bin/bash", []string{"bash", "-lc", "echo"}, none},
		{"/bin/sh", []string{"sh", "script.sh"}, none},
		{"/usr/bin/python3.11", []string{"python3", "-u"}, 0},
		{"/usr/bin/python3.11", []string{"python3", "-"}, 0},
		{"/usr/bin/python3.11", []string{"python3", "-c", "x"}, none},
		{"/usr/bin/python3.11", []string{"python3", "-m", "http.server"}, none},
		{"/usr/bin/perl", []string{"perl", "-e", "1"}, none},
		{"/usr/bin/perl", []string{"totally-not-perl"}, 0},
		{"/usr/bin/cat", []string{"cat"}, none},
		{"/usr/bin/shred", []string{"shred"}, none},
		{"/bin/sh", nil, none},
	} {
		got, ok := scriptSource(tc.executable, tc.args)
		if !ok {
			got = none
		}
		if got != tc.want {
			t.Errorf("%s %q: %d, want %d", tc.executable, tc.args, got, tc.want)
		}
	}
}
