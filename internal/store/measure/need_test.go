package measure_test

import (
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// What programs print that were given nothing, as their documentation and sources have it.
func TestNeeds(t *testing.T) {
	const fails, ok = "exited 1", "exited 0"
	for _, c := range []struct {
		name, end, output string
		names             []string
		want              measure.Need
	}{
		{"a database without a password", fails, "Error: Database is uninitialized and superuser password is not specified.\n       You must specify POSTGRES_PASSWORD to a non-empty value for the\n       superuser.\n", nil, measure.NeedSetting},
		{"one of several variables", fails, "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n    You need to specify one of the following as an environment variable:\n    - MYSQL_ROOT_PASSWORD\n", nil, measure.NeedSetting},
		{"a shell that wants a variable", fails, "/entrypoint.sh: line 3: TOKEN: parameter not set\n", nil, measure.NeedSetting},
		{"a shell that does not know one", fails, "/run.sh: line 9: API_URL: unbound variable\n", nil, measure.NeedSetting},
		{"Python", fails, "Traceback (most recent call last):\n  File \"/a.py\", line 1, in <module>\nKeyError: 'BOT_TOKEN'\n", nil, measure.NeedSetting},
		{"a variable in a sentence", fails, "fatal: $TOKEN is required\n", nil, measure.NeedSetting},
		{"an API key, and how it is used", fails, "error: API key is missing\nUsage: tool [options]\n", nil, measure.NeedSetting},
		{"a library that is missing is none", fails, "Error: Cannot find module '/app/index.js'\n  code: 'MODULE_NOT_FOUND',\n  requireStack: []\n", nil, ""},
		{"the code of an error is none", fails, "node: ERR_INVALID_ARG_TYPE: The argument is undefined\n", nil, ""},
		{"a file to mount", fails, "open /etc/app/config.yml: no such file or directory\n", nil, measure.NeedFile},
		{"a socket to mount", fails, "failed to open /var/run/docker.sock: no such file or directory\n", nil, measure.NeedFile},
		{"a program that is not there is none", fails, "exec: /usr/bin/foo: no such file or directory\n", nil, ""},
		{"a database elsewhere", fails, "dial tcp 127.0.0.1:5432: connect: connection refused\n", nil, measure.NeedService},
		{"a name in the composition", fails, "gone\n", []string{"redis."}, measure.NeedService},
		{"a public name is none", fails, "gone\n", []string{"redis.example.com"}, ""},
		{"who waits for somebody", "time-limit", "waiting\n", []string{"db"}, measure.NeedService},
		{"who waits for nobody", "time-limit", "waiting\n", nil, ""},
		{"a usage that fails", fails, "Usage: tool COMMAND [ARG...]\n", nil, measure.NeedArgument},
		{"a usage that is content", ok, "tool 1.2\n\nusage: tool [-h] [-v]\n", nil, measure.NeedArgument},
		{"a usage with a name before it", ok, "git: usage of the tool:\n", nil, measure.NeedArgument},
		{"arguments", fails, "error: the following arguments are required: file\n", nil, measure.NeedArgument},
		{"operands", fails, "cp: missing file operand\nTry 'cp --help' for more information.\n", nil, measure.NeedArgument},
		{"a word that is no usage", ok, "disk usage: 3 %\nmemory usage is fine\n", nil, ""},
		{"a complaint of one who is content", ok, "warning: DEBUG_LEVEL is not set\n", nil, ""},
		{"who says nothing", fails, "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &detonaut.Report{Run: &detonaut.Run{EndReason: "exited", Elapsed: time.Second, Output: c.output, Names: c.names}}
			switch c.end {
			case fails:
				r.Run.ExitCode = 1
			case ok:
			default:
				r.Run.EndReason = c.end
			}
			if got := measure.Of(r).Needs; got != c.want {
				t.Errorf("needs %q, want %q, of %q", got, c.want, c.output)
			}
		})
	}
}

func TestNeedsACommand(t *testing.T) {
	r := &detonaut.Report{Image: detonaut.Image{Digest: "sha256:1"}}
	if m := measure.Of(r); !m.NoCommand || m.Needs != measure.NeedArgument || m.Run != nil {
		t.Errorf("an image that says nothing of what to run: %+v", m)
	}
	r.Image.Config.Cmd = []string{"sh"}
	if m := measure.Of(r); m.NoCommand || m.Needs != "" {
		t.Errorf("an image that says it, and was not run: %+v", m)
	}
}
