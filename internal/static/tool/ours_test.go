package tool

import (
	"fmt"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/malware/facts"
	"github.com/detonaut/detonaut/rules"
)

// least is how many tools the catalogue that comes with Detonaut has at least.
const least = 400

func ours(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load(rules.Tools())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Problems() {
		t.Error(p)
	}
	return c
}

func TestCatalogueOfOurs(t *testing.T) {
	c := ours(t)
	marks, uses := 0, map[Use]int{}
	for _, tool := range c.Tools() {
		marks += len(tool.marks)
		uses[tool.Use]++
	}
	if len(c.Tools()) < least {
		t.Errorf("%d tools, want %d", len(c.Tools()), least)
	}
	for _, tool := range c.Tools() {
		if (tool.Use == Attack) != (tool.Category != "") {
			t.Errorf("%s: use %s with category %q", tool.Name, tool.Use, tool.Category)
		}
	}
	t.Logf("%d tools (%v), %d packages, %d modules of Go, %d assemblies, %d marks of %d texts",
		len(c.Tools()), uses, len(c.byKey), len(c.byGo), len(c.byDotNet), marks, len(c.Patterns()))
}

// installed is what the catalogue says of one package: id and severity; empty if nothing.
func installed(c *Catalogue, kind, name string) string {
	found := c.Check(&detonaut.Inventory{Packages: []detonaut.Package{{Name: name, Type: kind, Version: "1"}}})
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprint(found[0].ID, " ", found[0].Severity)
}

func TestPackagesOfOurs(t *testing.T) {
	c := ours(t)
	for _, x := range []struct{ kind, name, want string }{
		{"deb", "hydra", "tool/hydra medium"},
		{"apk", "hydra", "tool/hydra medium"},
		{"rpm", "john", "tool/john medium"},
		{"alpm", "metasploit", "tool/metasploit medium"},
		{"deb", "metasploit-framework", "tool/metasploit medium"},
		{"python", "sqlmap", "tool/sqlmap medium"},
		{"python", "Certipy_AD", "tool/certipy medium"},
		{"gem", "evil-winrm", "tool/evil-winrm medium"},
		{"rust-crate", "rustscan", "tool/rustscan medium"},
		{"alpm", "xmrig", "tool/xmrig medium"},
		{"deb", "mysterium-node", "tool/mysterium medium"},
		{"deb", "netcat-openbsd", "tool/netcat low"},
		{"rpm", "nmap", "tool/nmap low"},
		{"python", "impacket", "tool/impacket low"},
		{"python", "scapy", "tool/scapy low"},
		{"npm", "@ngrok/ngrok", "tool/ngrok low"},
		{"deb", "clamav-daemon", "tool/clamav negligible"},
		{"deb", "rkhunter", "tool/rkhunter negligible"},
		{"python", "yara.python", "tool/yara negligible"},
		// Others that have, or had, the name of a tool.
		{"deb", "sbd", ""},        // keeps clusters from harm
		{"deb", "empire", ""},     // a game
		{"deb", "beef", ""},       // an interpreter of Brainfuck
		{"deb", "bombardier", ""}, // a game
		{"deb", "amap-align", ""}, // compares proteins
		{"deb", "malcontent", ""}, // for parents
		{"rpm", "crowbar", ""},    // installs clusters
		{"apk", "havoc", ""},      // a terminal
		{"apk", "miniz", ""},      // a library for compression
		{"rpm", "packit", ""},     // builds packages
		{"python", "pyrit", ""},   // tests language models
		{"python", "knockpy", ""}, // selects variables
		{"python", "httpx", ""},   // a library for HTTP
		{"python", "zaproxy", ""}, // a client
		{"deb", "openssh-client", ""},
		{"deb", "curl", ""},
		{"npm", "hydra", ""},
	} {
		if got := installed(c, x.kind, x.name); got != x.want {
			t.Errorf("%s %s: got %q, want %q", x.kind, x.name, got, x.want)
		}
	}
}

func TestModulesOfOurs(t *testing.T) {
	c := ours(t)
	for path, want := range map[string]string{
		"github.com/OJ/gobuster/v3":               "tool/gobuster",
		"github.com/OJ/gobuster":                  "tool/gobuster",
		"github.com/ffuf/ffuf/v2":                 "tool/ffuf",
		"github.com/bettercap/bettercap":          "tool/bettercap",
		"github.com/bishopfox/sliver/client":      "tool/sliver",
		"github.com/projectdiscovery/nuclei/v3":   "tool/nuclei",
		"github.com/aquasecurity/trivy/cmd/trivy": "tool/trivy",
		"github.com/projectdiscovery/gologger":    "",
		"github.com/tomnomnom/hacks/unisub":       "",
		"github.com/google/gopacket":              "",
		"example.org/gobuster":                    "",
	} {
		tool, _ := c.golang(&facts.Go{Path: path})
		got := ""
		if tool != nil {
			got = "tool/" + tool.Name
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// Each mark is found in its own texts, and not in all but one of them, nor in a picture.
func TestMarksOfOurs(t *testing.T) {
	c := ours(t)
	for _, tool := range c.Tools() {
		for _, m := range tool.marks {
			alone := &Catalogue{}
			for range m.texts {
				alone.of = append(alone.of, marked{tool, &mark{types: m.types, texts: m.texts}})
			}
			alone.patterns = c.patterns[m.first:][:len(m.texts)]
			for _, kind := range m.types {
				if got := match(t, alone, strings.Join(m.texts, "\x00"), facts.Facts{Type: kind}); len(got) != 1 {
					t.Errorf("%s: %q in %s: %v", tool.Name, m.texts, kind, got)
				}
			}
			if got := match(t, alone, strings.Join(m.texts, "\x00"), facts.Facts{Type: "png"}); len(got) != 0 {
				t.Errorf("%s: %v in a picture", tool.Name, got)
			}
			for i, text := range m.texts {
				others := strings.Join(append(append([]string{}, m.texts[:i]...), m.texts[i+1:]...), "\x00")
				if strings.Contains(others, text) {
					t.Errorf("%s: %q is in the other texts", tool.Name, text)
				} else if got := match(t, alone, others, facts.Facts{Type: m.types[0]}); len(got) != 0 {
					t.Errorf("%s: %v without %q", tool.Name, got, text)
				}
			}
		}
	}
}
