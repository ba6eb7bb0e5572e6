package detonate

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Bounds of execve(2), as gVisor has them.
const (
	maxScripts  = 6        // a script whose interpreter is a script, and so on
	maxShebang  = 127      // bytes of the first line of a script
	maxELFHead  = 64 << 10 // bytes read of a program: its program headers
	maxELFPath  = 4096     // bytes of the path of its loader
	elf64Header = 64
	elf64Prog   = 56
)

// machines are those that a platform's programs are built for.
var machines = map[string]elf.Machine{
	"386":      elf.EM_386,
	"amd64":    elf.EM_X86_64,
	"arm":      elf.EM_ARM,
	"arm64":    elf.EM_AARCH64,
	"loong64":  elf.EM_LOONGARCH,
	"mips64le": elf.EM_MIPS,
	"ppc64le":  elf.EM_PPC64,
	"riscv64":  elf.EM_RISCV,
	"s390x":    elf.EM_S390,
}

// executable checks, without running it, that a program can be executed: it
// refuses what execve(2) would refuse and tells why in plain words. It is no
// promise: only the run itself shows what works.
type executable struct {
	root     rootFS
	field    string // of the config, for messages
	platform string
	dir      string
}

// check looks name up as execvpe(3) does and follows scripts to a program.
func (x executable) check(name string, env []string) error {
	if name == "" {
		return cannotRun(x.field, "the command is empty")
	}
	file, err := x.lookup(name, env)
	if err != nil {
		return err
	}
	what := shown(name)
	for range maxScripts {
		head, err := x.root.head(file, maxELFHead)
		if err != nil {
			return fmt.Errorf("read %s in the image: %w", shown(file), err)
		}
		if bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
			return x.checkELF(what, head)
		}
		interpreter, ok := shebang(head)
		if !ok {
			return cannotRun(x.field, "%s: neither an ELF program nor a script that begins with #! and an interpreter", what)
		}
		next, problem, err := x.program(interpreter)
		if err != nil {
			return err
		}
		if problem != "" {
			return cannotRun(x.field, "%s: its interpreter %s: %s", what, shown(interpreter), problem)
		}
		file, what = next, what+": its interpreter "+shown(interpreter)
	}
	return cannotRun(x.field, "%s: a script whose interpreters are scripts without end", shown(name))
}

// lookup returns the real path of the program that name means.
func (x executable) lookup(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		file, problem, err := x.program(name)
		if problem != "" {
			return "", cannotRun(x.field, "%s: %s", shown(name), problem)
		}
		return file, err
	}
	dirs := ""
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "PATH="); ok {
			dirs = value
		}
	}
	found := ""
	for dir := range strings.SplitSeq(dirs, ":") {
		if !path.IsAbs(dir) { // the sandbox passes over these too
			continue
		}
		candidate := path.Join(dir, name)
		file, problem, err := x.program(candidate)
		if err != nil || problem == "" {
			return file, err
		}
		if problem != noSuchFile && found == "" {
			found = fmt.Sprintf(": %s: %s", shown(candidate), problem)
		}
	}
	return "", cannotRun(x.field, "%s: no such program in PATH (%s)%s", shown(name), shown(dirs), found)
}

const noSuchFile = "no such file in the image"

// program resolves a path to a regular file that may be executed, or tells
// what is wrong with it. An error means that the image could not be read.
func (x executable) program(name string) (file, problem string, err error) {
	file, info, err := x.root.resolve(x.dir, name)
	bad, isBad := errors.AsType[badPath](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", noSuchFile, nil
	case isBad:
		return "", string(bad), nil
	case err != nil:
		return "", "", fmt.Errorf("read %s in the image: %w", shown(name), err)
	case info.IsDir():
		return "", "is a directory", nil
	case !info.Mode().IsRegular():
		return "", "not a regular file", nil
	case info.Mode()&0o111 == 0:
		return "", fmt.Sprintf("not executable (its mode is %#o)", info.Mode().Perm()), nil
	}
	return file, "", nil
}

// shebang returns the interpreter that the first line of a script names.
func shebang(head []byte) (string, bool) {
	line, ok := bytes.CutPrefix(head[:min(len(head), maxShebang)], []byte("#!"))
	if !ok {
		return "", false
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		line = line[:i]
	}
	return string(line), len(line) > 0
}

// checkELF holds a program to the platform, and its loader to being there. It
// reads no more than what the kernel reads: malware that runs is often broken
// everywhere else.
func (x executable) checkELF(what string, head []byte) error {
	_, arch, _ := strings.Cut(x.platform, "/")
	arch, _, _ = strings.Cut(arch, "/")
	machine, ok := machines[arch]
	if !ok {
		return cannotRun("platform", "%s: unknown architecture", shown(x.platform))
	}
	if len(head) < elf64Header {
		return cannotRun(x.field, "%s: an ELF program that is cut off", what)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	if got := elf.Machine(order.Uint16(head[18:])); got != machine {
		return cannotRun(x.field, "%s: built for %s, but the image says %s", what, machineName(got), shown(x.platform))
	}
	if elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 {
		if machine == elf.EM_386 || machine == elf.EM_ARM {
			return nil
		}
		return cannotRun(x.field, "%s: a 32-bit program in an image for %s", what, shown(x.platform))
	}
	loader := elfLoader(head, order)
	if loader == "" {
		return nil
	}
	_, problem, err := x.program(loader)
	if err == nil && problem != "" {
		err = cannotRun(x.field, "%s: its loader %s: %s", what, shown(loader), problem)
	}
	return err
}

// elfLoader returns the path in the PT_INTERP segment; empty for a static
// program, or when it lies outside head.
func elfLoader(head []byte, order binary.ByteOrder) string {
	at, size := order.Uint64(head[32:]), uint64(order.Uint16(head[54:]))
	if size != elf64Prog {
		return ""
	}
	for range order.Uint16(head[56:]) {
		segment := slice(head, at, elf64Prog)
		if segment == nil {
			return ""
		}
		if elf.ProgType(order.Uint32(segment)) == elf.PT_INTERP {
			name := slice(head, order.Uint64(segment[8:]), order.Uint64(segment[32:]))
			if len(name) > maxELFPath {
				return ""
			}
			name, _, _ = bytes.Cut(name, []byte{0})
			return string(name)
		}
		at += elf64Prog
	}
	return ""
}

// slice returns n bytes of b from off, or nil if b does not have them.
func slice(b []byte, off, n uint64) []byte {
	if off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil
	}
	return b[off : off+n]
}

func machineName(m elf.Machine) string {
	for name, machine := range machines {
		if machine == m {
			return name
		}
	}
	return m.String()
}
