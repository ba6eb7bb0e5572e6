package cast

import "github.com/detonaut/detonaut"

// credentials are those who want passwords and keys.
func credentials() []Actor {
	return []Actor{
		mode("caller", "cluster-secrets", detonaut.Suspicious, "credential-access/cluster-secrets", "discovery/cluster-api"),
		mode("caller", "cluster-store", detonaut.Malicious, "credential-access/cluster-store", "discovery/cluster-api"),
		mode("caller", "metadata-credentials", detonaut.Suspicious, "credential-access/metadata-credentials", "discovery/cloud-metadata"),
		mode("caller", "web-guessing", detonaut.Suspicious, "credential-access/web-guessing"),
		mode("reader", "browser-secrets", detonaut.Malicious, "credential-access/browser-secrets"),
		mode("reader", "environments", detonaut.Suspicious, "credential-access/environments"),
		mode("reader", "hunt", detonaut.Malicious, "credential-access/hunt"),
		mode("reader", "keystrokes", detonaut.Suspicious, "credential-access/keystrokes"),
		mode("reader", "password-hashes", detonaut.Suspicious, "credential-access/password-hashes", "persistence/account"),
		mode("reader", "process-memory", detonaut.Suspicious, "credential-access/process-memory"),
		mode("reader", "sniffer", detonaut.Suspicious, "credential-access/sniffer"),
		mode("reader", "wallets", detonaut.Malicious, "credential-access/wallets"),
		mode("talker", "database-passwords", detonaut.Suspicious, "credential-access/database-passwords"),
		mode("talker", "password-guessing", detonaut.Suspicious, "credential-access/password-guessing"),
		mode("talker", "ssh-guessing", detonaut.Suspicious, "credential-access/ssh-guessing"),
		typed("encoded-secret", detonaut.Suspicious, "credential-access/encoded-secret"),
		typed("guessing-tool", detonaut.Unwanted, "credential-access/guessing-tool"),
		typed("login-tracing", detonaut.Malicious, "credential-access/login-tracing"),
		typed("secret-search", detonaut.Suspicious, "credential-access/secret-search"),
		typed("shell-history", detonaut.Suspicious, "credential-access/shell-history"),
	}
}
