package cast

import "github.com/detonaut/detonaut"

// control are those who take orders, or let others in.
func control() []Actor {
	return []Actor{
		deed("caller", "anonymous-network", detonaut.Suspicious, "command-and-control/anonymous-network"),
		deed("caller", "bot-report", detonaut.Suspicious, "command-and-control/bot-report"),
		deed("caller", "chat-orders", detonaut.Suspicious, "command-and-control/chat-orders", "command-and-control/chat-service").shelled(),
		deed("caller", "chat-service", detonaut.Clean, "command-and-control/chat-service"),
		deed("caller", "dead-drop", detonaut.Suspicious, "command-and-control/dead-drop"),
		deed("caller", "framework-request", detonaut.Suspicious, "command-and-control/framework-request"),
		deed("caller", "nameless-channel", detonaut.Suspicious, "command-and-control/nameless-websocket"),
		deed("caller", "profile-drop", detonaut.Suspicious, "command-and-control/profile-drop"),
		deed("talker", "encrypted-names", detonaut.Clean, "command-and-control/encrypted-names"),
		deed("talker", "message-broker", detonaut.Clean, "command-and-control/message-broker"),
		deed("talker", "nameless-beacon", detonaut.Suspicious, "command-and-control/beacon", "command-and-control/nameless-beacon"),
		deed("talker", "stun", detonaut.Clean, "command-and-control/stun"),
		deed("talker", "text-records", detonaut.Suspicious, "command-and-control/text-records"),
		deed("talker", "tunnel-service", detonaut.Clean, "command-and-control/tunnel-service"),
		deed("talker", "unknown-protocol", detonaut.Clean, "command-and-control/unknown-protocol"),
		typed("open-door", detonaut.Malicious, "command-and-control/open-door"),
		typed("reverse-shell-command", detonaut.Malicious, "command-and-control/reverse-shell-command"),
		typed("ssh-tunnel", detonaut.Suspicious, "command-and-control/ssh-tunnel"),
		typed("tunnel-program", detonaut.Clean, "command-and-control/tunnel-program"),
	}
}
