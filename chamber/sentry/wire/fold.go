package wire

import (
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Folding: of identical events of one process, the first burst in a window
// are written as they happen; the rest are counted and written as one when the
// window ends.
const (
	foldBurst  = 8
	foldWindow = time.Second
	maxFolds   = 4096
)

// foldKey is what makes two events identical.
type foldKey struct {
	kind    tape.Kind
	pid     int32
	errno   string
	a, b, c string
	n       int64
}

type fold struct {
	seen uint64
	held *tape.Event // the last that was not written; its Count says how many
}

// Transfer tells that a read or a write is one more of those that a fold
// counts, without spelling out the path. A description alone may be another
// file's by now; one with the same dentry is the same file's. All three are gVisor's,
// which nobody here looks into: they are told apart, and held until the window ends,
// so that none becomes another meanwhile.
type Transfer struct {
	Kind    tape.Kind
	Process unsafe.Pointer
	File    unsafe.Pointer
	Dentry  unsafe.Pointer
	FD      int32
}

// addSizes adds the bytes of an event that ev now stands for too.
func addSizes(ev, old *tape.Event) {
	switch {
	case ev.File != nil && (ev.Kind == tape.FileRead || ev.Kind == tape.FileWrite):
		ev.File.Size += old.File.Size
	case ev.Socket != nil:
		ev.Socket.Size += old.Socket.Size
	case ev.Jump != nil:
		ev.Jump.By += old.Jump.By
	}
}

// keyOf returns what ev is folded by. Events that shape the process tree and
// those that stand for one deed each are never folded.
func keyOf(ev *tape.Event) (foldKey, bool) {
	k := foldKey{kind: ev.Kind, pid: ev.PID, errno: ev.Errno}
	switch {
	case ev.File != nil:
		f := ev.File
		k.a, k.b, k.c, k.n = f.Path, f.Target, f.Flags+f.Attr, int64(f.Mode)
	case ev.Kind == tape.SocketLocal:
		return k, false
	case ev.Socket != nil:
		s := ev.Socket
		k.a, k.b, k.c, k.n = s.Address, s.Family, s.Type, int64(s.Protocol)
		for _, q := range s.DNS {
			k.c += " " + q.Name + " " + q.Type
		}
	case ev.Memory != nil:
		k.a, k.b = ev.Memory.Path, ev.Memory.Call
	case ev.Jump != nil:
		k.a = ev.Jump.For
	case ev.Call != nil:
		k.a = flatten(ev.Call.Args)
	case ev.Kind == tape.ProcessExec && ev.Errno != "":
		k.a = ev.Process.Executable
	case ev.Kind == tape.ProcessFork && ev.Errno != "":
	default:
		return k, false
	}
	return k, true
}

func sortByTime(events []*tape.Event) {
	slices.SortStableFunc(events, func(a, b *tape.Event) int {
		if a.Time != b.Time {
			return int(max(min(a.Time-b.Time, 1), -1))
		}
		return int(a.PID) - int(b.PID)
	})
}

// flatten writes arguments in one line, sorted.
func flatten(args map[string]string) string {
	keys := make([]string, 0, len(args))
	for k := range args {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k + "=" + args[k] + " ")
	}
	return b.String()
}

// acts tells whether an event is of a deed, and not only of a program that starts
// and looks around.
func acts(ev *tape.Event) bool {
	switch family, _, _ := strings.Cut(string(ev.Kind), "."); {
	case family == "process", family == "payload", family == "trust", family == "time", ev.Kind == tape.SocketLocal,
		ev.Kind == tape.FileRead, ev.Kind == tape.FileClose, ev.Kind == tape.FileStat, ev.Kind == tape.FileLoad:
		return false
	case ev.Call != nil:
		return !ev.Call.Unimplemented && ev.Kind != "call.prctl" // libraries ask
	default:
		return ev.Kind != tape.FileOpen || !strings.HasPrefix(ev.File.Flags, "O_RDONLY")
	}
}
