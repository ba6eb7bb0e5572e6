package cast

import "github.com/detonaut/detonaut"

// lateral are those who try to get into other machines.
func lateral() []Actor {
	return []Actor{
		deed("caller", "cluster-workload", detonaut.Suspicious, "discovery/cluster-api", "lateral-movement/cluster-workload"),
		deed("caller", "device-exploit", detonaut.Malicious, "lateral-movement/device-exploit"),
		deed("caller", "engine-spraying", detonaut.Suspicious, "command-and-control/bare-address", "discovery/cluster-api", "lateral-movement/engine-spraying"),
		deed("caller", "host-mount", detonaut.Malicious, "discovery/cluster-api", "lateral-movement/host-mount", "privilege-escalation/starts-container"),
		deed("caller", "jndi-request", detonaut.Malicious, "lateral-movement/jndi-request"),
		deed("caller", "job-server", detonaut.Malicious, "lateral-movement/job-server"),
		deed("caller", "kubelet-command", detonaut.Malicious, "discovery/cluster-api", "lateral-movement/kubelet-command", "privilege-escalation/starts-container"),
		deed("caller", "path-traversal", detonaut.Suspicious, "lateral-movement/path-traversal"),
		deed("caller", "web-exploit", detonaut.Malicious, "lateral-movement/web-exploit"),
		deed("talker", "database-command", detonaut.Malicious, "lateral-movement/database-command"),
		deed("talker", "device-spraying", detonaut.Malicious, "lateral-movement/device-spraying"),
		deed("talker", "redis-takeover", detonaut.Malicious, "lateral-movement/redis-takeover"),
		deed("talker", "service-spraying", detonaut.Suspicious, "lateral-movement/service-spraying"),
		deed("talker", "telnet-infection", detonaut.Malicious, "lateral-movement/device-check", "lateral-movement/telnet-infection"),
		typed("known-machines", detonaut.Suspicious, "lateral-movement/known-machines"),
		typed("ssh-download", detonaut.Suspicious, "lateral-movement/ssh-download"),
		typed("ssh-loop", detonaut.Suspicious, "lateral-movement/ssh-loop"),
	}
}
