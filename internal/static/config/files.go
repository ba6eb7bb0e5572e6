package config

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// Modes of Unix (inode(7)).
const (
	typeMask  = 0o170000
	regular   = 0o100000
	directory = 0o040000
	setUser   = 0o4000
	setGroup  = 0o2000
	sticky    = 0o1000
	forAll    = 0o002 // write
	runnable  = 0o111
)

// entries is a check of each entry of the index. A file of several names is found
// under each.
func entries(look func(s *Subject, e *image.Entry) (what string)) func(*Subject, func(detonaut.Evidence)) {
	return func(s *Subject, found func(detonaut.Evidence)) {
		for i := range s.Index.Entries {
			e := &s.Index.Entries[i]
			if what := look(s, e); what != "" {
				found(s.at(e, what))
			}
		}
	}
}

var setuid = check{
	name: "setuid", severity: detonaut.Low, cis: "4.8",
	title:   "Has programs with the rights of somebody else",
	meaning: "A mistake in a program that runs with its owner's rights gives them to whoever starts it.",
	look: entries(func(_ *Subject, e *image.Entry) string {
		if e.Mode&typeMask != regular || e.Mode&(setUser|setGroup) == 0 || e.Mode&runnable == 0 {
			return ""
		}
		return fmt.Sprintf("%04o, owner %d:%d", e.Mode&0o7777, e.UID, e.GID)
	}),
}

var capabilities = check{
	name: "capabilities", severity: detonaut.Low, cis: "4.8",
	title:   "Has programs with capabilities of their own",
	meaning: "A mistake in a program that has a part of root's rights gives it to whoever starts it.",
	look: entries(func(_ *Subject, e *image.Entry) string {
		if _, ok := e.Xattrs["security.capability"]; !ok || e.Mode&typeMask != regular {
			return ""
		}
		return "it has the attribute security.capability"
	}),
}

// system are directories in which nobody but root changes anything.
var system = regexp.MustCompile(`^(bin|sbin|lib|lib32|lib64|libx32|etc|boot|usr/(bin|sbin|lib|lib32|lib64|libexec|local/(bin|sbin|lib)))(/|$)`)

var worldWritable = check{
	name: "world-writable", severity: detonaut.Medium,
	title:   "Lets everybody change the system",
	meaning: "Whoever runs as anybody can put a program or a setting in the place of one that root uses.",
	look: entries(func(_ *Subject, e *image.Entry) string {
		kind := e.Mode & typeMask
		if e.Mode&forAll == 0 || kind != regular && kind != directory || kind == directory && e.Mode&sticky != 0 || !system.MatchString(e.Path) {
			return ""
		}
		return fmt.Sprintf("%04o", e.Mode&0o7777)
	}),
}

var sshServer = check{
	name: "ssh-server", severity: detonaut.Low,
	title:   "Has an SSH server",
	meaning: "A container is looked into from outside; a server for logging in is one more way in.",
	look: entries(func(_ *Subject, e *image.Entry) string {
		if e.Mode&typeMask == regular && slices.Contains([]string{"usr/sbin/sshd", "usr/local/sbin/sshd", "usr/bin/sshd", "usr/sbin/dropbear"}, e.Path) {
			return "a server"
		}
		return ""
	}),
}

var (
	hostKey    = regexp.MustCompile(`^etc/(ssh/ssh_host_[a-z0-9]+_key|dropbear/dropbear_[a-z0-9]+_host_key)$`)
	authorized = regexp.MustCompile(`^(root|home/[^/]+)/\.ssh/authorized_keys2?$`)
)

var sshHostKey = check{
	name: "ssh-host-key", severity: detonaut.Medium,
	title:   "Has keys for SSH that all its users share",
	meaning: "Whoever pulls the image has the private key of every server that was started from it, or may log in to it.",
	look: entries(func(_ *Subject, e *image.Entry) string {
		switch {
		case e.Mode&typeMask != regular || e.Size == 0:
			return ""
		case hostKey.MatchString(e.Path):
			return "a private key of the server"
		case authorized.MatchString(e.Path):
			return "keys that may log in"
		}
		return ""
	}),
}

// caches are what package managers leave behind, as a pattern and who left it.
var caches = []struct {
	pattern *regexp.Regexp
	who     string
}{
	{regexp.MustCompile(`^var/lib/apt/lists/.*_(Packages|Sources|InRelease|Release)(\.[a-z0-9]+)?$`), "apt"},
	{regexp.MustCompile(`^var/cache/apt/(archives/.*\.deb|(src)?pkgcache\.bin)$`), "apt"},
	{regexp.MustCompile(`^(var/cache/apk|etc/apk/cache)/.*\.(apk|tar\.gz)$`), "apk"},
	{regexp.MustCompile(`^var/cache/(yum|dnf|libdnf5|zypp)/.*\.(rpm|solv|solvx|sqlite|sqlite\.bz2|xml|xml\.gz|xml\.zst)$`), "rpm"},
	{regexp.MustCompile(`^(root|home/[^/]+)/\.cache/pip/.`), "pip"},
	{regexp.MustCompile(`^(root|home/[^/]+)/\.npm/_cacache/.`), "npm"},
	{regexp.MustCompile(`^(root|home/[^/]+)/(\.cache/go-build|go/pkg/mod/cache)/.`), "go"},
	{regexp.MustCompile(`^(root|home/[^/]+)/\.cargo/registry/(cache|index)/.`), "cargo"},
	{regexp.MustCompile(`^(root|home/[^/]+)/\.m2/repository/.`), "maven"},
}

var leftovers = check{
	name: "leftovers", severity: detonaut.Negligible, cis: "4.3",
	title:   "Carries what package managers left behind",
	meaning: "It is of no use any more, and everybody who pulls the image pays for it.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		bytes, files := make([]int64, len(caches)), make([]int, len(caches))
		first := make([]*image.Entry, len(caches))
		for i := range s.Index.Entries {
			e := &s.Index.Entries[i]
			if e.Mode&typeMask != regular {
				continue
			}
			for j, c := range caches {
				if !c.pattern.MatchString(e.Path) {
					continue
				}
				if first[j] == nil {
					first[j] = e
				}
				bytes[j] += e.Size
				files[j]++
				break
			}
		}
		for j, e := range first {
			if e == nil {
				continue
			}
			d := s.at(e, fmt.Sprintf("of %s: %d bytes in %d files", caches[j].who, bytes[j], files[j]))
			d.SHA256 = "" // it is about all of them
			found(d)
		}
	},
}

// read is the head of a text file of the image; empty if there is none.
func (s *Subject) read(name string) string {
	f, err := s.FS.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRead))
	if err != nil {
		return ""
	}
	return string(b)
}

// osRelease is what os-release(5) says of the distribution.
func (s *Subject) osRelease() map[string]string {
	values := map[string]string{}
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		for line := range strings.Lines(s.read(name)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && values[key] == "" {
				values[key] = strings.Trim(value, `"'`)
			}
		}
		if values["ID"] != "" {
			break
		}
	}
	return values
}

// limit bounds a string of the subject.
func limit(s string) string {
	if len(s) <= maxSummary {
		return s
	}
	return strings.ToValidUTF8(s[:maxSummary], "") + "..."
}
