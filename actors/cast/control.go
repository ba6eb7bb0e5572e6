package cast

import "github.com/detonaut/detonaut"

// control are those who take orders, or let others in.
func control() []Actor {
	return []Actor{
		mode("caller", "anonymous-network", detonaut.Suspicious, "command-and-control/anonymous-network"),
		mode("caller", "bot-report", detonaut.Suspicious, "command-and-control/bot-report"),
		mode("caller", "chat-orders", detonaut.Suspicious, "command-and-control/chat-orders", "command-and-control/chat-service").shelled(),
		mode("caller", "chat-service", detonaut.Clean, "command-and-control/chat-service"),
		mode("caller", "dead-drop", detonaut.Suspicious, "command-and-control/dead-drop"),
		mode("caller", "framework-request", detonaut.Suspicious, "command-and-control/framework-request"),
		mode("caller", "nameless-channel", detonaut.Suspicious, "command-and-control/nameless-websocket"),
		mode("caller", "profile-drop", detonaut.Suspicious, "command-and-control/profile-drop"),
		mode("talker", "encrypted-names", detonaut.Clean, "command-and-control/encrypted-names"),
		mode("talker", "message-broker", detonaut.Clean, "command-and-control/message-broker"),
		mode("talker", "nameless-beacon", detonaut.Suspicious, "command-and-control/beacon", "command-and-control/nameless-beacon"),
		mode("talker", "stun", detonaut.Clean, "command-and-control/stun"),
		mode("talker", "text-records", detonaut.Suspicious, "command-and-control/text-records"),
		mode("talker", "tunnel-service", detonaut.Clean, "command-and-control/tunnel-service"),
		mode("talker", "unknown-protocol", detonaut.Clean, "command-and-control/unknown-protocol"),
		typed("open-door", detonaut.Malicious, "command-and-control/open-door"),
		typed("reverse-shell-command", detonaut.Malicious, "command-and-control/reverse-shell-command"),
		typed("ssh-tunnel", detonaut.Suspicious, "command-and-control/ssh-tunnel"),
		typed("tunnel-program", detonaut.Clean, "command-and-control/tunnel-program"),
	}
}
