package service

import (
	"slices"
	"strconv"
	"strings"
)

// A busybox plays the shell of a device. It runs nothing: it knows the few
// lines by which malware finds out where it is.
type busybox struct {
	path, text string // the one file that was written last
}

const maxCommands = 16 // of one line

// run returns what a line of commands prints.
func (b *busybox) run(line string) string {
	var out strings.Builder
	separators := strings.NewReplacer("&&", ";", "||", ";", "|", ";")
	for i, command := range strings.Split(separators.Replace(line), ";") {
		if i == maxCommands {
			break
		}
		out.WriteString(b.one(strings.TrimSpace(command)))
	}
	return out.String()
}

func (b *busybox) one(command string) string {
	command, target, redirected := strings.Cut(command, ">")
	words := strings.Fields(command)
	applet := false // it was called as one
	if len(words) > 0 && strings.TrimPrefix(words[0], "/bin/") == "busybox" {
		if words = words[1:]; len(words) == 0 {
			return "BusyBox v1.22.1 () multi-call binary.\n"
		}
		applet = true
	}
	if len(words) == 0 {
		return ""
	}
	out := b.applet(words[0], words[1:], applet)
	if redirected {
		b.path, b.text = strings.TrimSpace(strings.TrimLeft(target, ">")), out
		return ""
	}
	return out
}

// fetchers are applets that explain themselves when they are called with
// nothing to fetch.
var fetchers = []string{"wget", "tftp", "ftpget"}

func (b *busybox) applet(name string, args []string, applet bool) string {
	switch name {
	case "echo":
		return echo(args)
	case "cat":
		return b.cat(args)
	case "uname":
		return "Linux gateway 3.10.14 #1 SMP PREEMPT mips GNU/Linux\n"
	case "id":
		return "uid=0(root) gid=0(root)\n"
	case "whoami":
		return "root\n"
	case "pwd":
		return "/\n"
	case "ps":
		return "  PID USER       VSZ STAT COMMAND\n    1 root      1120 S    init\n  312 root      1116 S    -sh\n"
	case "enable", "system", "shell", "sh", "linuxshell", "cd", "rm", "chmod", "cp", "mv", "mkdir", "kill", "dd", "export", "true", "iptables", "nohup":
		return ""
	}
	switch {
	case slices.Contains(fetchers, name) && len(args) == 0:
		return "BusyBox v1.22.1 () multi-call binary.\n\nUsage: " + name + " [OPTIONS] HOST\n"
	case slices.Contains(fetchers, name), strings.ContainsAny(name, "/="):
		return ""
	case applet:
		return name + ": applet not found\n"
	}
	return "sh: " + name + ": not found\n"
}

func (b *busybox) cat(args []string) string {
	switch {
	case len(args) == 0:
		return ""
	case args[0] == b.path:
		return b.text
	case args[0] == "/proc/mounts":
		return "rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n"
	case args[0] == "/proc/cpuinfo":
		return "system type\t\t: MT7620\nprocessor\t\t: 0\ncpu model\t\t: MIPS 24KEc V5.0\n"
	case strings.HasPrefix(args[0], "/bin/"):
		return "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x08\x00" // MIPS, little-endian
	}
	return "cat: can't open '" + args[0] + "': No such file or directory\n"
}

// echo prints its arguments, with \xNN and \NNN for bytes under -e.
func echo(args []string) string {
	newline, escapes := "\n", false
	for len(args) > 0 && (args[0] == "-e" || args[0] == "-n" || args[0] == "-ne" || args[0] == "-en") {
		if strings.Contains(args[0], "n") {
			newline = ""
		}
		escapes = escapes || strings.Contains(args[0], "e")
		args = args[1:]
	}
	text := strings.NewReplacer(`'`, "", `"`, "").Replace(strings.Join(args, " "))
	if escapes {
		text = unescape(text)
	}
	return text + newline
}

func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == 'n':
			out.WriteByte('\n')
		case c == 'x' && i+2 < len(text) && isHex(text[i+1:i+3]):
			n, _ := strconv.ParseUint(text[i+1:i+3], 16, 8)
			out.WriteByte(byte(n))
			i += 2
		case c >= '0' && c <= '3' && i+2 < len(text) && strings.Trim(text[i:i+3], "01234567") == "":
			n, _ := strconv.ParseUint(text[i:i+3], 8, 8)
			out.WriteByte(byte(n))
			i += 2
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func isHex(text string) bool { return strings.Trim(text, "0123456789abcdefABCDEF") == "" }
