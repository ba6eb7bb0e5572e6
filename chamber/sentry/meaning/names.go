package meaning

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type flagName struct {
	bit  uint64
	name string
}

// cloneFlags are those that make namespaces.
var cloneFlags = []flagName{
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
}

var mountFlags = []flagName{
	{unix.MS_RDONLY, "MS_RDONLY"},
	{unix.MS_NOSUID, "MS_NOSUID"},
	{unix.MS_NODEV, "MS_NODEV"},
	{unix.MS_NOEXEC, "MS_NOEXEC"},
	{unix.MS_REMOUNT, "MS_REMOUNT"},
	{unix.MS_BIND, "MS_BIND"},
	{unix.MS_MOVE, "MS_MOVE"},
	{unix.MS_REC, "MS_REC"},
	{unix.MS_PRIVATE, "MS_PRIVATE"},
	{unix.MS_SLAVE, "MS_SLAVE"},
	{unix.MS_SHARED, "MS_SHARED"},
}

var openFlags = []flagName{
	{unix.O_CREAT, "O_CREAT"},
	{unix.O_EXCL, "O_EXCL"},
	{unix.O_TRUNC, "O_TRUNC"},
	{unix.O_APPEND, "O_APPEND"},
	{unix.O_NOFOLLOW, "O_NOFOLLOW"},
	{unix.O_DIRECTORY, "O_DIRECTORY"},
	{unix.O_PATH, "O_PATH"},
}

// Namespaces returns those of the flags of clone(2) that make namespaces.
func Namespaces(flags uint64) (made uint64) {
	for _, f := range cloneFlags {
		made |= flags & f.bit
	}
	return made
}

// CloneFlags names the namespaces that flags are of; the rest is a number.
func CloneFlags(flags uint64) string { return flagNames(flags, cloneFlags) }

// MountFlags names the flags of mount(2); the rest is a number.
func MountFlags(flags uint64) string { return flagNames(flags, mountFlags) }

// OpenFlags names how open(2) is to open, and those of its flags that matter.
func OpenFlags(flags uint64) string {
	names := []string{[]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[flags&unix.O_ACCMODE]}
	for _, f := range openFlags {
		if flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, "|")
}

// flagNames writes the named bits of flags; the rest as a number.
func flagNames(flags uint64, names []flagName) string {
	var out []string
	for _, f := range names {
		if flags&f.bit != 0 {
			out = append(out, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 || len(out) == 0 {
		out = append(out, fmt.Sprintf("%#x", flags))
	}
	return strings.Join(out, "|")
}

var prctlNames = map[int32]string{
	unix.PR_SET_PDEATHSIG: "PR_SET_PDEATHSIG", unix.PR_SET_DUMPABLE: "PR_SET_DUMPABLE", unix.PR_SET_KEEPCAPS: "PR_SET_KEEPCAPS",
	unix.PR_SET_NAME: "PR_SET_NAME", unix.PR_SET_SECCOMP: "PR_SET_SECCOMP", unix.PR_CAPBSET_DROP: "PR_CAPBSET_DROP",
	unix.PR_SET_SECUREBITS: "PR_SET_SECUREBITS", unix.PR_SET_MM: "PR_SET_MM", unix.PR_SET_CHILD_SUBREAPER: "PR_SET_CHILD_SUBREAPER",
	unix.PR_SET_NO_NEW_PRIVS: "PR_SET_NO_NEW_PRIVS", unix.PR_CAP_AMBIENT: "PR_CAP_AMBIENT", unix.PR_SET_PTRACER: "PR_SET_PTRACER",
}

// Prctl names the options of prctl(2) that change the process.
func Prctl(option int32) (name string, ok bool) {
	name, ok = prctlNames[option]
	return name, ok
}

var ptraceNames = map[int32]string{
	unix.PTRACE_TRACEME: "PTRACE_TRACEME", unix.PTRACE_ATTACH: "PTRACE_ATTACH", unix.PTRACE_SEIZE: "PTRACE_SEIZE",
	unix.PTRACE_POKETEXT: "PTRACE_POKETEXT", unix.PTRACE_POKEDATA: "PTRACE_POKEDATA", unix.PTRACE_SETREGSET: "PTRACE_SETREGSET",
	unix.PTRACE_CONT: "PTRACE_CONT", unix.PTRACE_DETACH: "PTRACE_DETACH", unix.PTRACE_PEEKTEXT: "PTRACE_PEEKTEXT",
	unix.PTRACE_PEEKDATA: "PTRACE_PEEKDATA", unix.PTRACE_GETREGSET: "PTRACE_GETREGSET", unix.PTRACE_KILL: "PTRACE_KILL",
	unix.PTRACE_SYSCALL: "PTRACE_SYSCALL", unix.PTRACE_SINGLESTEP: "PTRACE_SINGLESTEP", unix.PTRACE_SETOPTIONS: "PTRACE_SETOPTIONS",
}

// Ptrace names a request of ptrace(2); one that is not known is a number.
func Ptrace(request int32) string {
	if name, ok := ptraceNames[request]; ok {
		return name
	}
	return strconv.Itoa(int(request))
}

// Signal names a signal; one that is not known is a number.
func Signal(sig int32) string {
	if name := unix.SignalName(unix.Signal(sig)); name != "" {
		return name
	}
	return strconv.Itoa(int(sig))
}

// codeEndings are those of files that interpreters read as code, and virtual machines
// load.
var codeEndings = map[string]bool{
	"py": true, "pyc": true, "js": true, "mjs": true, "cjs": true, "rb": true, "php": true, "pl": true, "pm": true, "lua": true,
	"jar": true, "war": true, "class": true, "dll": true, "r": true, "rdb": true,
}

// IsCode tells by its name whether a file is code that no kernel runs.
func IsCode(path string) bool {
	dot := strings.LastIndexByte(path, '.')
	return dot > strings.LastIndexByte(path, '/') && codeEndings[strings.ToLower(path[dot+1:])]
}
