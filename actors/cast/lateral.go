package cast

import "github.com/detonaut/detonaut"

// lateral are those who try to get into other machines.
func lateral() []Actor {
	return []Actor{
		mode("caller", "cluster-workload", detonaut.Suspicious, "discovery/cluster-api", "lateral-movement/cluster-workload"),
		mode("caller", "device-exploit", detonaut.Malicious, "lateral-movement/device-exploit"),
		mode("caller", "engine-spraying", detonaut.Suspicious, "command-and-control/bare-address", "discovery/cluster-api", "lateral-movement/engine-spraying"),
		mode("caller", "host-mount", detonaut.Malicious, "discovery/cluster-api", "lateral-movement/host-mount", "privilege-escalation/starts-container"),
		mode("caller", "jndi-request", detonaut.Malicious, "lateral-movement/jndi-request"),
		mode("caller", "job-server", detonaut.Malicious, "lateral-movement/job-server"),
		mode("caller", "kubelet-command", detonaut.Malicious, "discovery/cluster-api", "lateral-movement/kubelet-command", "privilege-escalation/starts-container"),
		mode("caller", "path-traversal", detonaut.Suspicious, "lateral-movement/path-traversal"),
		mode("caller", "web-exploit", detonaut.Malicious, "lateral-movement/web-exploit"),
		mode("talker", "database-command", detonaut.Malicious, "lateral-movement/database-command"),
		mode("talker", "device-spraying", detonaut.Malicious, "lateral-movement/device-spraying"),
		mode("talker", "redis-takeover", detonaut.Malicious, "lateral-movement/redis-takeover"),
		mode("talker", "service-spraying", detonaut.Suspicious, "lateral-movement/service-spraying"),
		mode("talker", "telnet-infection", detonaut.Malicious, "lateral-movement/device-check", "lateral-movement/telnet-infection"),
		typed("known-machines", detonaut.Suspicious, "lateral-movement/known-machines"),
		typed("ssh-download", detonaut.Suspicious, "lateral-movement/ssh-download"),
		typed("ssh-loop", detonaut.Suspicious, "lateral-movement/ssh-loop"),
	}
}
