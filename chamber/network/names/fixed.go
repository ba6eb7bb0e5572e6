package names

import (
	"net/netip"
	"slices"
)

// fixed are names that have one address everywhere. Of several names with one
// address the first is what it leads back to.
var fixed = []struct {
	name  string
	addrs []netip.Addr
}{
	{"localhost", addrs("127.0.0.1", "::1")},
	{"ip6-localhost", addrs("::1")},

	// Clouds, as seen from their machines.
	{"metadata.google.internal", addrs("169.254.169.254")},
	{"metadata.goog", addrs("169.254.169.254")},
	{"instance-data.ec2.internal", addrs("169.254.169.254")},

	// Clusters and containers, by the usual addresses of kubeadm and Docker.
	{"kubernetes.default.svc.cluster.local", addrs("10.96.0.1")},
	{"kubernetes.default.svc", addrs("10.96.0.1")},
	{"kubernetes.default", addrs("10.96.0.1")},
	{"kube-dns.kube-system.svc.cluster.local", addrs("10.96.0.10")},
	{"host.docker.internal", addrs("172.17.0.1")},
	{"gateway.docker.internal", addrs("172.17.0.1")},
	{"host.containers.internal", addrs("172.17.0.1")},

	// Resolvers whose addresses people know by heart.
	{"dns.google", addrs("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844")},
	{"one.one.one.one", addrs("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001")},
	{"dns.quad9.net", addrs("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9")},
	{"dns9.quad9.net", addrs("9.9.9.9", "149.112.112.9", "2620:fe::9")},
	{"dns.opendns.com", addrs("208.67.222.222", "208.67.220.220", "2620:119:35::35", "2620:119:53::53")},
	{"resolver1.opendns.com", addrs("208.67.222.222", "2620:119:35::35")},
	{"resolver2.opendns.com", addrs("208.67.220.220", "2620:119:53::53")},
	{"dns.adguard-dns.com", addrs("94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff")},
	{"dns.alidns.com", addrs("223.5.5.5", "223.6.6.6", "2400:3200::1", "2400:3200:baba::1")},
	{"public1.114dns.com", addrs("114.114.114.114")},
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// fixedAddrs are the addresses of a canonical name that is fixed, the caller's
// to keep; nil of others.
func fixedAddrs(name string) []netip.Addr {
	for _, f := range fixed {
		if f.name == name {
			return slices.Clone(f.addrs)
		}
	}
	return nil
}

// fixedName is the name of an address that has one without being asked for.
func fixedName(a netip.Addr) string {
	for _, f := range fixed {
		if slices.Contains(f.addrs, a) {
			return f.name
		}
	}
	return ""
}
