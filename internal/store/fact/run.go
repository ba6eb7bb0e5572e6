package fact

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/store"
)

// run adds what the subject did.
func (c *collection) run(r *detonaut.Run) {
	for _, p := range r.Processes {
		c.add(store.SHA256, p.SHA256)
		if p.Executable != "" {
			c.add(store.Process, path.Base(p.Executable))
		}
		for _, arg := range p.Args {
			c.wallets(arg)
		}
	}
	for _, p := range r.Payloads {
		c.add(store.SHA256, p.SHA256)
	}
	for _, b := range r.Bodies {
		c.add(store.SHA256, b.SHA256)
	}
	for _, l := range r.Listeners {
		if _, port := behavior.SplitAddress(l.Address); port > 0 {
			c.add(store.Listen, l.Network+"/"+strconv.Itoa(port))
			c.add(store.Port, l.Network+"/"+strconv.Itoa(port))
		}
	}
	for _, rejected := range r.Rejections {
		c.add(store.Certificate, rejected.JA4)
	}
	c.hosts(r)
}

// hosts adds who was asked for, and who was reached.
//
// In the simulated internet a name has an address that nobody but us gave it: that is no
// fact, the name is. Which address was the answer to a name only connections tell; one that
// was written into a URL is recognised by them.
func (c *collection) hosts(r *detonaut.Run) {
	answers := make(map[string]bool)
	for i := range r.Connections {
		to := &r.Connections[i]
		host, _ := behavior.SplitAddress(to.Address)
		if !Nobody(r, to) {
			c.add(store.Domain, to.Name)
		}
		if to.Name != "" && !to.Live {
			answers[host] = true
		}
	}
	for i := range r.Connections {
		to := &r.Connections[i]
		if Nobody(r, to) {
			continue
		}
		host, port := behavior.SplitAddress(to.Address)
		if port > 0 && !behavior.Loopback(to.Address) {
			c.add(store.Port, to.Network+"/"+strconv.Itoa(port))
		}
		if !answers[host] && to.Refused != "scan" { // one of those that a scan tries says nothing
			c.add(store.IP, host)
		}
	}
	remote := func(address string) {
		host, _ := behavior.SplitAddress(address)
		if behavior.IsIP(host) {
			if !answers[host] {
				c.add(store.IP, host)
			}
			return
		}
		c.add(store.Domain, host)
	}
	for _, q := range r.Requests {
		if strings.Contains(q.URL, "://") {
			remote(behavior.URLAddress(q.URL))
		}
	}
	for _, m := range r.Messages {
		remote(m.Remote)
	}
	for _, b := range r.Baits {
		remote(b.Remote)
	}
	for _, rejected := range r.Rejections {
		remote(rejected.Name)
	}
	for _, name := range r.Names {
		c.add(store.Domain, name)
	}
}

// resolvers are those that the sandbox gives its subject (docs/network.md).
var resolvers = []string{"8.8.8.8", "8.8.4.4"}

// Nobody tells whether a connection of a run says nothing of whom the subject talks to: it asked
// the resolver that it was given, or is a socket of UDP that sent nothing in the simulated internet, by which
// programs choose among the addresses that a name has there.
func Nobody(r *detonaut.Run, to *detonaut.Connection) bool {
	host, port := behavior.SplitAddress(to.Address)
	if to.Protocol == "dns" && port == 53 && slices.Contains(resolvers, host) {
		return true
	}
	return r.Network == "simulated" && to.Network == "udp" && to.Name == "" && to.Protocol == "" && to.Sent == 0
}

// message adds the account of whoever is mined for, and the fingerprint of a client.
func (c *collection) message(m detonaut.Message) {
	switch m.Protocol {
	case "stratum":
		account := m.Fields["wallet"]
		if account == "" {
			account = m.Fields["user"]
		}
		c.add(store.Wallet, account)
	case "ssh":
		c.add(store.Certificate, m.Fields["hassh"])
	default: // what is said otherwise names nobody
	}
}
