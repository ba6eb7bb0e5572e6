package behavior

import (
	"path"
	"strings"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Roles: what kind of program a process runs. A subject says what its programs are
// called: rules may make little of a role, and must not be silenced by one where
// it counts.
const (
	Shell          = "shell"
	PackageManager = "package-manager"
	Downloader     = "downloader"
	Compiler       = "compiler"
	Interpreter    = "interpreter"
)

// roles tells of names. Those of many versions are here without it.
var roles = roleTable(map[string]string{
	Shell: "sh bash dash ash zsh ksh mksh fish csh tcsh",
	PackageManager: `apt apt-get aptitude dpkg dpkg-deb dpkg-reconfigure dpkg-preconfigure unattended-upgrade
		rpm dnf dnf5 microdnf tdnf yum zypper apk pacman emerge xbps-install opkg snap flatpak nix nix-env nix-build nix-daemon guix brew
		pip pip-runner ensurepip easy_install pipx pipenv poetry pdm uv uvx conda mamba micromamba
		npm npx yarn pnpm corepack gem bundle bundler composer cargo cpan cpanm luarocks opam`,
	Downloader: "curl wget aria2c lynx ftp tftp scp rsync",
	Compiler: `gcc g++ cc c++ cc1 cc1plus as ld ld.bfd ld.gold ld.lld gold lld mold collect2 lto1 lto-wrapper clang clang++ tcc gfortran ghc ocamlopt
		go rustc nim zig nvcc make gmake cmake ctest ninja meson bazel scons libtool strip objcopy ranlib`,
	Interpreter: "python pypy perl ruby node nodejs deno bun php lua luajit tclsh pwsh Rscript",
})

func roleTable(words map[string]string) map[string]string {
	table := make(map[string]string)
	for role, names := range words {
		for _, name := range strings.Fields(names) {
			table[name] = role
		}
	}
	return table
}

// roleOf finds the role of a program: python3.13 is python, x86_64-linux-gnu-gcc-14
// is gcc.
func roleOf(name string) string {
	if role, ok := roles[name]; ok {
		return role
	}
	if _, rest, ok := strings.Cut(name, "-linux-"); ok { // of a compiler's target
		_, name, _ = strings.Cut(rest, "-")
	}
	return roles[strings.TrimRight(strings.TrimRight(name, "0123456789."), "-")]
}

// Role is the kind of program that the process runs; empty for most.
func (p *Process) Role() string { return p.role }

// ofProgram finds the role of the program that was executed. An interpreter that runs
// a package manager is one.
func (p *Process) ofProgram() string {
	role := roleOf(p.Name())
	if role == Interpreter && roleOf(p.script()) == PackageManager {
		return PackageManager
	}
	return role
}

// script is the name of what an interpreter runs, without its ending; empty where its
// command line has none.
func (p *Process) script() string {
	for i := 1; i < len(p.Args); i++ {
		a := p.Args[i]
		switch {
		case a == "" || a == "-" || a == "-c" || a == "-e":
			return ""
		case a[0] != '-':
			name := path.Base(a)
			name = strings.TrimSuffix(name, path.Ext(name))
			return strings.TrimSuffix(strings.Trim(name, "_"), "-cli")
		case len(a) <= 4 && a[1] != '-' && strings.HasSuffix(a, "m") && i+1 < len(p.Args): // python -m, -Im
			return p.Args[i+1]
		}
	}
	return ""
}

// maxMade is how many bytes of names of files are remembered with what kind of program
// made them, at least.
const maxMade = 4 << 20

// makers remembers the files that compilers, package managers and downloaders wrote.
// What was written before the newest of them may be forgotten, and then seems to
// have been made by nobody in particular.
type makers struct {
	recent, older map[string]string
	size          int // bytes of the names in recent
}

// of is the role of who made a file.
func (m *makers) of(file string) string {
	if role, ok := m.recent[file]; ok {
		return role
	}
	return m.older[file]
}

// note takes down who wrote the file that e is about.
func (m *makers) note(e *tape.Event, p *Process) {
	switch e.Kind {
	case tape.FileCreate:
		m.put(e.File.Path, p.makes())
	case tape.FileOpen:
		if strings.Contains(e.File.Flags, "O_WRONLY") || strings.Contains(e.File.Flags, "O_RDWR") {
			m.put(e.File.Path, p.makes())
		}
	case tape.FileRename, tape.FileLink:
		role := m.of(e.File.Path)
		if role == "" {
			role = p.makes()
		}
		m.put(e.File.Target, role)
	case tape.FileDelete:
		m.put(e.File.Path, "")
	default:
	}
}

func (m *makers) put(file, role string) {
	if role == "" {
		delete(m.recent, file)
		delete(m.older, file)
		return
	}
	if m.recent == nil || m.size >= maxMade {
		m.recent, m.older, m.size = make(map[string]string), m.recent, 0
	}
	m.recent[file] = role
	m.size += len(file) + 32 // and what a map costs
}

// makes is the role in which a process writes files: its own, or that of whom it works
// for, as a package's scripts do for the package manager.
func (p *Process) makes() string {
	for _, role := range []string{p.role, p.worksFor} {
		if role == PackageManager || role == Compiler || role == Downloader {
			return role
		}
	}
	return ""
}

// employ finds whom the process works for: the nearest ancestor that installs or
// builds.
func (p *Process) employ() {
	p.worksFor = ""
	if len(p.ancestors) == 0 {
		return
	}
	up := p.ancestors[0]
	p.worksFor = up.worksFor
	if up.role == PackageManager || up.role == Compiler {
		p.worksFor = up.role
	}
}
