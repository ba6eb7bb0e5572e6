package cast

import "github.com/detonaut/detonaut"

// credentials are those who want passwords and keys.
func credentials() []Actor {
	return []Actor{
		deed("caller", "cluster-secrets", detonaut.Suspicious, "credential-access/cluster-secrets", "discovery/cluster-api"),
		deed("caller", "cluster-store", detonaut.Malicious, "credential-access/cluster-store", "discovery/cluster-api"),
		deed("caller", "metadata-credentials", detonaut.Suspicious, "credential-access/metadata-credentials", "discovery/cloud-metadata"),
		deed("caller", "web-guessing", detonaut.Suspicious, "credential-access/web-guessing"),
		deed("reader", "browser-secrets", detonaut.Malicious, "credential-access/browser-secrets"),
		deed("reader", "environments", detonaut.Suspicious, "credential-access/environments"),
		deed("reader", "hunt", detonaut.Malicious, "credential-access/hunt"),
		deed("reader", "keystrokes", detonaut.Suspicious, "credential-access/keystrokes"),
		deed("reader", "password-hashes", detonaut.Suspicious, "credential-access/password-hashes", "persistence/account"),
		deed("reader", "process-memory", detonaut.Suspicious, "credential-access/process-memory"),
		deed("reader", "sniffer", detonaut.Suspicious, "credential-access/sniffer"),
		deed("reader", "wallets", detonaut.Malicious, "credential-access/wallets"),
		deed("talker", "database-passwords", detonaut.Suspicious, "credential-access/database-passwords"),
		deed("talker", "password-guessing", detonaut.Suspicious, "credential-access/password-guessing"),
		deed("talker", "ssh-guessing", detonaut.Suspicious, "credential-access/ssh-guessing"),
		typed("encoded-secret", detonaut.Suspicious, "credential-access/encoded-secret"),
		typed("guessing-tool", detonaut.Unwanted, "credential-access/guessing-tool"),
		typed("login-tracing", detonaut.Malicious, "credential-access/login-tracing"),
		typed("secret-search", detonaut.Suspicious, "credential-access/secret-search"),
		typed("shell-history", detonaut.Suspicious, "credential-access/shell-history"),
	}
}
