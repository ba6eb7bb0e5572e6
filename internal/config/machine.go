package config

import (
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
)

// Machine is the face of the machine; see [plan.Machine]. What is empty of it is
// shown as gVisor has it.
type Machine struct {
	Release   string        `yaml:"release"`
	Version   string        `yaml:"version"`
	Processor string        `yaml:"processor"`
	Vendor    string        `yaml:"vendor"`
	Product   string        `yaml:"product"`
	Memory    Bytes         `yaml:"memory"`
	Uptime    time.Duration `yaml:"uptime"`
	MAC       string        `yaml:"mac"`
}

func defaultMachine() Machine {
	m := plan.DefaultMachine()
	return Machine{
		Release: m.Release, Version: m.Version, Processor: m.Processor, Vendor: m.Vendor, Product: m.Product,
		Memory: Bytes(m.Memory), Uptime: m.Uptime, MAC: m.MAC,
	}
}

// Plan is that of a plan.
func (m *Machine) Plan() plan.Machine {
	return plan.Machine{
		Release: m.Release, Version: m.Version, Processor: m.Processor, Vendor: m.Vendor, Product: m.Product,
		Memory: int64(m.Memory), Uptime: m.Uptime, MAC: m.MAC,
	}
}
