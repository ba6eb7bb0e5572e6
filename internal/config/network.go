package config

import (
	"net/netip"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// validateNetwork reports what of the network makes no sense.
func (r *Run) validateNetwork(bad func(key, format string, args ...any)) {
	switch plan.Network(r.Network) {
	case plan.Simulated, plan.None:
	case plan.Live:
		if len(r.Live.Allow) == 0 {
			bad("run.live.allow", "a live network needs the hosts that may be reached: name them with --allow HOSTS; --allow '*' means any public host")
		}
	default:
		bad("run.network", "%q is unknown: use %s, %s or %s", r.Network, plan.Simulated, plan.None, plan.Live)
	}
	for _, s := range r.Live.Allow {
		if !allowable(s) {
			bad("run.live.allow", "%q is no host name, *.NAME, address, prefix or *", s)
		}
	}
	for _, s := range r.Live.Refuse {
		if _, err := netip.ParsePrefix(s); err != nil {
			bad("run.live.refuse", "%q is no prefix such as 192.0.2.0/24", s)
		}
	}
	for _, n := range r.Live.Ports {
		if n == 0 {
			bad("run.live.ports", "0 is no port")
		}
	}
}

// allowable tells whether s is something that [plan.Egress] can allow.
func allowable(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	return hostPattern(s)
}

// hostPattern tells whether s is a host name, "*.NAME" or "*".
func hostPattern(s string) bool {
	if s == "*" {
		return true
	}
	s = strings.TrimPrefix(s, "*.")
	if len(s) > 253 { // RFC 1035 section 3.1, as text
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' && label[i] != '_' {
				return false
			}
		}
	}
	return true
}

// Internet is that of a plan, but for what is said of one run alone: a record.
// It reads the canned answers.
func (r *Run) Internet() (plan.Internet, error) {
	mode := plan.Network(r.Network)
	if mode == plan.None {
		return plan.Internet{}, nil
	}
	n := plan.Internet{ResolveRandom: r.ResolveRandom, NoProbe: r.NoProbe}
	if mode == plan.Live {
		n.Egress = &plan.Egress{
			Allow: r.Live.Allow, Ports: r.Live.Ports, Refuse: r.Live.Refuse,
			Bytes: int64(r.Live.Bytes), Connections: r.Live.Connections, Rate: r.Live.Rate,
		}
	}
	if r.Answers == "" {
		return n, nil
	}
	var err error
	n.Answers, err = ReadAnswers(r.Answers)
	return n, err
}
