package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// Serve says how what is remembered is served.
type Serve struct {
	// Listen is the address, as HOST:PORT; port 0 is any that is free.
	Listen string `yaml:"listen"`
	// Public lets anybody read, and nobody submit. NoWorker leaves submissions to workers of
	// other processes.
	Public   bool `yaml:"public"`
	NoWorker bool `yaml:"no_worker"`
	// URL is where people reach the server; empty is at Listen. Hosts are names by which it
	// may be asked for, besides; none is any, but of this machine's own if Listen is on the
	// loopback.
	URL   string   `yaml:"url"`
	Hosts []string `yaml:"hosts"`
	// Proxies are the addresses and networks whose X-Forwarded-For is believed.
	Proxies []string `yaml:"proxies"`
	// Contact is where somebody can write to, an address of mail or of a page.
	Contact string `yaml:"contact"`
	// Secret is the file of the secret by which sessions are signed; empty is below the user's
	// data directory. It is made if it is not there. Session is how long they last.
	Secret  string        `yaml:"secret"`
	Session time.Duration `yaml:"session"`
	Limits  ServeLimits   `yaml:"limits"`
	// OIDC is the provider that knows people; none without an issuer.
	OIDC OIDC `yaml:"oidc"`
}

// ServeLimits bound what is taken from one client.
type ServeLimits struct {
	// Address and Key are how many requests a minute an address and a key may make, and the
	// bursts how many at once.
	Address      int `yaml:"address"`
	AddressBurst int `yaml:"address_burst"`
	Key          int `yaml:"key"`
	KeyBurst     int `yaml:"key_burst"`
	// Wait is how long a client may be silent in the middle of a request or an answer.
	Wait time.Duration `yaml:"wait"`
	// Pending is how many submissions of one owner may be unfinished.
	Pending int `yaml:"pending"`
}

// OIDC is a provider of OpenID Connect, and what its people may do.
type OIDC struct {
	Issuer string `yaml:"issuer"`
	// Name is what the link to it says.
	Name string `yaml:"name"`
	// ClientID and SecretFile, a file with the secret, are ours with it.
	ClientID   string `yaml:"client_id"`
	SecretFile string `yaml:"secret_file"`
	// Read, Submit, Download and Admin are who may: "@example.com", "ann@example.com" or
	// "group:analysts".
	Read     []string `yaml:"read"`
	Submit   []string `yaml:"submit"`
	Download []string `yaml:"download"`
	Admin    []string `yaml:"admin"`
}

func defaultServe() Serve {
	return Serve{
		Listen: "127.0.0.1:8080", Session: 12 * time.Hour,
		Limits: ServeLimits{Address: 300, AddressBurst: 200, Key: 1200, KeyBurst: 600, Wait: 20 * time.Second, Pending: 100},
		OIDC:   OIDC{Name: "your organisation"},
	}
}

// Base is the URL of the configuration; nil if it leaves it open.
func (s *Serve) Base() *url.URL {
	if s.URL == "" {
		return nil
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil // Validate has told
	}
	return u
}

// Networks are those of Proxies.
func (s *Serve) Networks() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range s.Proxies {
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%w: serve.proxies: %q is no address or network", detonaut.ErrUsage, text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// SecretFile is the file of the secret, also where the configuration leaves it open.
func (s *Serve) SecretFile(env Env) (string, error) {
	if s.Secret != "" {
		return s.Secret, nil
	}
	dir := dataDir(env)
	if dir == "" {
		return "", fmt.Errorf("%w: there is no directory for the secret of sessions: set serve.secret, XDG_DATA_HOME or HOME", detonaut.ErrUsage)
	}
	return filepath.Join(dir, "session-secret"), nil
}

// web tells whether text is a URL of http or https, without anything behind its path.
func web(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func (s *Serve) validate(bad func(key, format string, args ...any)) {
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		bad("serve.listen", "%q is not HOST:PORT", s.Listen)
	}
	if s.URL != "" && (!web(s.URL) || strings.Trim(s.Base().Path, "/") != "") {
		bad("serve.url", "%q is no URL of http or https without a path", s.URL)
	}
	if _, err := s.Networks(); err != nil {
		bad("serve.proxies", "%q has what is no address or network", strings.Join(s.Proxies, ","))
	}
	if o := s.OIDC; o.Issuer != "" {
		if !web(o.Issuer) {
			bad("serve.oidc.issuer", "%q is no URL of http or https", o.Issuer)
		}
		if o.ClientID == "" {
			bad("serve.oidc.client_id", "is needed for serve.oidc.issuer")
		}
		if s.URL == "" {
			bad("serve.url", "is needed for serve.oidc.issuer, which sends people back there")
		}
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"serve.session", int64(s.Session)},
		{"serve.limits.address", int64(s.Limits.Address)},
		{"serve.limits.address_burst", int64(s.Limits.AddressBurst)},
		{"serve.limits.key", int64(s.Limits.Key)},
		{"serve.limits.key_burst", int64(s.Limits.KeyBurst)},
		{"serve.limits.wait", int64(s.Limits.Wait)},
		{"serve.limits.pending", int64(s.Limits.Pending)},
	} {
		if n.value <= 0 {
			bad(n.key, "must be greater than 0")
		}
	}
}
