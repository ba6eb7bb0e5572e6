package cast

import "github.com/detonaut/detonaut"

// discovery are those who look around.
func discovery() []Actor {
	return []Actor{
		deed("caller", "cluster-rights", detonaut.Suspicious, "discovery/cluster-api", "discovery/cluster-rights"),
		deed("caller", "own-address", detonaut.Clean, "discovery/own-address"),
		deed("flooder", "ping-sweep", detonaut.Suspicious, "discovery/ping-sweep"),
		deed("talker", "local-names", detonaut.Suspicious, "discovery/local-names"),
		typed("privileged-programs", detonaut.Suspicious, "discovery/privileged-programs"),
		typed("scanning-tool", detonaut.Unwanted, "discovery/scanning-tool"),
		typed("security-tools", detonaut.Suspicious, "discovery/security-tools"),
		typed("shares", detonaut.Clean, "discovery/shares"),
		typed("survey", detonaut.Suspicious, "discovery/survey"),
	}
}
