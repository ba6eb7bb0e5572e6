package config

import (
	"net"
	"strings"
)

// YARA says by which rules of the user's files are read, through a YARA command.
type YARA struct {
	// Rules are directories of rules, or files; without any no file is read so.
	Rules []string `yaml:"rules"`
	// Command is yr or yara; empty takes the one that is there, yr first.
	Command string `yaml:"command"`
}

// ClamAV says where clamd is.
type ClamAV struct {
	// Address is unix:PATH or tcp:HOST:PORT; empty is nowhere.
	Address string `yaml:"address"`
}

// DefaultClamd is where distributions have clamd listen.
const DefaultClamd = "unix:/run/clamav/clamd.ctl"

// Socket is its address as package net takes it. It is empty where there is none.
func (c ClamAV) Socket() (network, address string) {
	network, address, _ = strings.Cut(c.Address, ":")
	return network, address
}

func (c ClamAV) validate(bad func(key, format string, args ...any)) {
	network, address := c.Socket()
	switch _, _, err := net.SplitHostPort(address); {
	case c.Address == "", network == "unix" && address != "", network == "tcp" && err == nil:
	default:
		bad("clamav.address", "%q is neither unix:PATH nor tcp:HOST:PORT", c.Address)
	}
}
