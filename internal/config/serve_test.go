package config_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/config"
)

func TestServe(t *testing.T) {
	c := config.Default()
	c.Serve.URL, c.Serve.Proxies = "https://detonaut.example/", []string{"10.1.2.3/8", "::1"}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if u := c.Serve.Base(); u == nil || u.Hostname() != "detonaut.example" {
		t.Errorf("got %v", u)
	}
	got, err := c.Serve.Networks()
	if want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v and %v, want %v", got, err, want)
	}
	env := map[string]string{"HOME": "/home/ann"}
	lookup := func(name string) string { return env[name] }
	if file, err := c.Serve.SecretFile(lookup); err != nil || file != "/home/ann/.local/share/detonaut/session-secret" {
		t.Errorf("got %s and %v", file, err)
	}
	delete(env, "HOME")
	if _, err := c.Serve.SecretFile(lookup); err == nil {
		t.Error("there is no place, and no error")
	}
	c.Serve.Secret = "secret"
	if file, err := c.Serve.SecretFile(lookup); err != nil || file != "secret" {
		t.Errorf("got %s and %v", file, err)
	}
}

func TestServeRefuses(t *testing.T) {
	for _, test := range []struct {
		change func(s *config.Serve)
		want   string
	}{
		{func(s *config.Serve) { s.Listen = "8080" }, "serve.listen"},
		{func(s *config.Serve) { s.URL = "detonaut.example" }, "serve.url"},
		{func(s *config.Serve) { s.URL = "https://ann:pw@detonaut.example" }, "serve.url"},
		{func(s *config.Serve) { s.URL = "https://detonaut.example/below" }, "serve.url"},
		{func(s *config.Serve) { s.Proxies = []string{"proxy.example"} }, "serve.proxies"},
		{func(s *config.Serve) { s.Session = 0 }, "serve.session"},
		{func(s *config.Serve) { s.Limits.Address = 0 }, "serve.limits.address"},
		{func(s *config.Serve) { s.OIDC.Issuer = "x" }, "serve.oidc.issuer"},
		{func(s *config.Serve) { s.OIDC.Issuer = "https://id.example" }, "serve.oidc.client_id"},
		{func(s *config.Serve) { s.OIDC.Issuer, s.OIDC.ClientID = "https://id.example", "x" }, "serve.url"},
	} {
		c := config.Default()
		test.change(&c.Serve)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}
