package plan

import (
	"net"
	"runtime"
	"strings"
	"time"
)

// Machine is the face of an ordinary machine. Of the zero value of a field the
// subject is shown gVisor's own.
type Machine struct {
	// Release and Version are those of the kernel, as uname(2) has them.
	Release string `json:"release,omitempty"`
	Version string `json:"version,omitempty"`
	// Processor is the model name of every processor.
	Processor string `json:"processor,omitempty"`
	// Vendor and Product are who made the machine, and what it is called, as DMI
	// has them.
	Vendor  string `json:"vendor,omitempty"`
	Product string `json:"product,omitempty"`
	// Memory is how many bytes it has; what may be used of them the limits say.
	Memory int64 `json:"memory,omitempty"`
	// Uptime is for how long it has been running, in nanoseconds.
	Uptime time.Duration `json:"uptime_ns,omitempty"`
	// MAC is the address of its network card, as "02:42:ac:11:00:02".
	MAC string `json:"mac,omitempty"`
}

// DefaultMachine is a small virtual machine in a cloud, which has been up for
// some days.
func DefaultMachine() Machine {
	m := Machine{
		Release:   "6.1.0-28-cloud-amd64",
		Version:   "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)",
		Processor: "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz",
		Vendor:    "Amazon EC2",
		Product:   "t3.large",
		Memory:    8 << 30,
		Uptime:    9*24*time.Hour + 7*time.Hour + 23*time.Minute,
		MAC:       "02:42:ac:11:00:02",
	}
	if runtime.GOARCH == "arm64" { // whose kernel gives a processor no name
		m.Release, m.Processor, m.Product = "6.1.0-28-cloud-arm64", "", "t4g.large"
	}
	return m
}

// maxName is the most bytes of each string of a Machine: those of struct
// utsname are 65 with their NUL.
const maxName = 64

// Validate calls bad for everything in m that makes no sense, with the JSON name of
// its field in a plan.
func (m *Machine) Validate(bad func(field, format string, args ...any)) {
	for _, f := range []struct{ field, s string }{
		{"release", m.Release}, {"version", m.Version}, {"processor", m.Processor}, {"vendor", m.Vendor}, {"product", m.Product},
	} {
		if len(f.s) > maxName || strings.ContainsFunc(f.s, func(r rune) bool { return r < ' ' || r > '~' }) {
			bad("machine."+f.field, "must be at most %d printable ASCII characters", maxName)
		}
	}
	if m.Memory < 0 || m.Uptime < 0 {
		bad("machine", "memory and uptime must not be negative")
	}
	if mac, err := net.ParseMAC(m.MAC); m.MAC != "" && (err != nil || len(mac) != 6 || mac[0]&1 != 0) {
		bad("machine.mac", "%q is no address of one Ethernet card", m.MAC)
	}
}

// Travel bounds how far clocks are moved on.
type Travel struct {
	// Days is how many simulated days may be left out in all, Jumps in how many
	// steps.
	Days  int `json:"days"`
	Jumps int `json:"jumps"`
}

// DefaultTravel sees what happens once a month, even if somebody looks at the
// clock once a minute until then.
func DefaultTravel() Travel { return Travel{Days: 32, Jumps: 50_000} }

// maxDays keeps every clock of a subject far from its end.
const maxDays = 36500

func (p *Plan) validateTime(bad func(field, format string, args ...any)) {
	switch p.Profile {
	case Default:
		if p.Travel != (Travel{}) {
			bad("travel", "belongs to the profile %s, and to no other", Time)
		}
	case Time:
		if t := p.Travel; t.Days <= 0 || t.Days > maxDays || t.Jumps <= 0 {
			bad("travel", "needs 1 to %d days, and jumps greater than 0", maxDays)
		}
	default:
		bad("profile", "%q is unknown", p.Profile)
	}
}
