package cast

import "github.com/detonaut/detonaut"

// discovery are those who look around.
func discovery() []Actor {
	return []Actor{
		mode("caller", "cluster-rights", detonaut.Suspicious, "discovery/cluster-api", "discovery/cluster-rights"),
		mode("caller", "own-address", detonaut.Clean, "discovery/own-address"),
		mode("flooder", "ping-sweep", detonaut.Suspicious, "discovery/ping-sweep"),
		mode("talker", "local-names", detonaut.Suspicious, "discovery/local-names"),
		typed("privileged-programs", detonaut.Suspicious, "discovery/privileged-programs"),
		typed("scanning-tool", detonaut.Unwanted, "discovery/scanning-tool"),
		typed("security-tools", detonaut.Suspicious, "discovery/security-tools"),
		typed("shares", detonaut.Clean, "discovery/shares"),
		typed("survey", detonaut.Suspicious, "discovery/survey"),
	}
}
