package cast

import "github.com/detonaut/detonaut"

// taking are those who put together what there is, and send it away.
func taking() []Actor {
	return []Actor{
		deed("caller", "archive-upload", detonaut.Suspicious, "exfiltration/archive-upload"),
		deed("caller", "chat-file", detonaut.Suspicious, "command-and-control/chat-service", "exfiltration/chat-file"),
		deed("caller", "code-repository", detonaut.Clean, "exfiltration/code-repository"),
		deed("caller", "environment", detonaut.Suspicious, "exfiltration/environment"),
		deed("caller", "secrets-in-clear", detonaut.Malicious, "exfiltration/secrets-in-clear"),
		deed("flooder", "icmp-tunnel", detonaut.Suspicious, "exfiltration/icmp-tunnel"),
		deed("talker", "callback-service", detonaut.Suspicious, "exfiltration/callback-service"),
		deed("talker", "ftp-upload", detonaut.Clean, "exfiltration/ftp-upload"),
		deed("talker", "machine-talk", detonaut.Suspicious, "exfiltration/machine-facts"),
		deed("talker", "piped-paste", detonaut.Suspicious, "exfiltration/piped-paste"),
		typed("clipboard", detonaut.Clean, "collection/clipboard"),
		typed("cloud-copy", detonaut.Clean, "exfiltration/cloud-copy"),
		typed("document-search", detonaut.Suspicious, "collection/document-search"),
		typed("packed-secrets", detonaut.Suspicious, "collection/packed-secrets"),
		typed("recording", detonaut.Clean, "collection/recording"),
		typed("screen", detonaut.Clean, "collection/screen"),
		typed("staged-secrets", detonaut.Suspicious, "collection/staged-secrets"),
		typed("uploaded-secret", detonaut.Malicious, "exfiltration/uploaded-secret"),
	}
}
