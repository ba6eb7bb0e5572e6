package cast

import "github.com/detonaut/detonaut"

// baited are those who come upon the credentials that are planted in files and
// variables.
func baited() []Actor {
	loot := func(way string, word detonaut.Word, rules ...string) Actor {
		return Actor{Name: "loot-" + way, Program: "loot", Run: app(way), Word: word, Rules: rules}
	}
	return []Actor{
		{
			Name: "backup", Run: []string{"/usr/local/bin/tar", "czf", "/backup/root.tar.gz", "/root"}, Word: detonaut.Clean,
			Rules: []string{"credential-access/planted-credential-copied"},
		},
		loot("archive", detonaut.Malicious, "credential-access/hunt", "credential-access/wallets", "exfiltration/planted-file"),
		loot("argument", detonaut.Suspicious, "credential-access/planted-credential-passed"),
		loot("dns", detonaut.Malicious, "exfiltration/planted-file"),
		loot("environment", detonaut.Malicious, "exfiltration/planted-credential"),
		loot("files", detonaut.Malicious, "credential-access/hunt", "exfiltration/planted-file", "exfiltration/secrets-in-clear"),
	}
}
