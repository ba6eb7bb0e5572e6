package cast

import "github.com/detonaut/detonaut"

// impact are those who use a machine up, or spoil what is on it.
func impact() []Actor {
	return []Actor{
		deed("caller", "false-clicks", detonaut.Suspicious, "impact/false-clicks"),
		deed("caller", "web-flood", detonaut.Suspicious, "impact/web-flood"),
		deed("caller", "xmrig", detonaut.Unwanted, "impact/xmrig"),
		deed("flooder", "fork-bomb", detonaut.Suspicious, "impact/fork-bomb"),
		deed("flooder", "process-limit", detonaut.Suspicious, "impact/process-limit").shelled(),
		deed("flooder", "syn-flood", detonaut.Suspicious, "command-and-control/packets-by-hand", "impact/syn-flood"),
		deed("flooder", "udp-flood", detonaut.Suspicious, "impact/udp-flood"),
		deed("spoiler", "defacement", detonaut.Clean, "impact/defacement"),
		deed("spoiler", "fills-machine", detonaut.Inconclusive, "impact/fills-machine"),
		deed("spoiler", "encrypts-files", detonaut.Malicious, "impact/encrypts-files"),
		deed("spoiler", "miner-settings", detonaut.Unwanted, "impact/xmrig"),
		deed("spoiler", "ransom-notes", detonaut.Malicious, "impact/ransom-notes"),
		deed("spoiler", "rewrites-documents", detonaut.Suspicious, "impact/rewrites-documents"),
		deed("spoiler", "wipes-home", detonaut.Suspicious, "impact/wipes-system"),
		deed("talker", "mining-login", detonaut.Unwanted, "impact/mining-protocol", "impact/xmrig"),
		deed("talker", "mining-noise", detonaut.Unwanted, "impact/mining-protocol"),
		deed("talker", "proxyware", detonaut.Unwanted, "impact/proxyware"),
		deed("talker", "spam", detonaut.Suspicious, "impact/spam"),
		typed("blocks-rivals", detonaut.Suspicious, "impact/blocks-rivals"),
		typed("ends-rivals", detonaut.Unwanted, "impact/ends-rivals"),
		typed("flood-tool", detonaut.Unwanted, "impact/flood-tool"),
		typed("huge-pages", detonaut.Suspicious, "impact/huge-pages"),
		typed("kinsing", detonaut.Unwanted, "impact/kinsing"),
		typed("locks-accounts", detonaut.Suspicious, "impact/locks-accounts"),
		typed("processor-registers", detonaut.Unwanted, "impact/processor-registers"),
		typed("proxyware-program", detonaut.Unwanted, "impact/proxyware-program"),
		typed("stops-services", detonaut.Suspicious, "impact/stops-services"),
		typed("wallet-argument", detonaut.Unwanted, "impact/wallet-argument"),
		typed("wipes-disks", detonaut.Suspicious, "impact/wipes-disks", "privilege-escalation/host-disk-tool"),
		typed("wipes-system", detonaut.Suspicious, "impact/wipes-system"),
	}
}
