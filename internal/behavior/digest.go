package behavior

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the digest of a run.
const (
	maxListed    = 1000     // entries of each list
	maxPathBytes = 4096     // bytes of a path, name or address
	maxOutput    = 16 << 10 // bytes of output
)

// digest makes the detonaut.Run of a tape.
type digest struct {
	start     tape.Start
	end       *tape.End
	elapsed   time.Duration
	processes []*Process
	unlisted  int // processes beyond maxListed

	listeners bounded[detonaut.Listener]
	names     bounded[struct{}]
	written   bounded[struct{}]
	deleted   bounded[struct{}]
	traffic   traffic
	payloads  payloads
	output    strings.Builder
	outputCut bool
}

// add takes an event of the process p.
func (d *digest) add(e *tape.Event, p *Process) {
	d.elapsed = time.Duration(e.Time)
	d.payloads.add(e, p)
	switch {
	case e.Start != nil:
		d.start = *e.Start
	case e.End != nil:
		end := *e.End
		d.end = &end
	case e.Socket != nil:
		d.socket(e)
	case e.File != nil && e.Errno == "":
		d.file(e)
	case e.Output != nil:
		room := maxOutput - d.output.Len()
		d.outputCut = d.outputCut || len(e.Output.Text) > room
		d.output.WriteString(e.Output.Text[:min(room, len(e.Output.Text))])
	case e.DNS != nil:
		d.names.put(e.DNS.Name, struct{}{})
	default:
		d.traffic.add(e)
	}
}

// list keeps a new process; what becomes of it shows in it.
func (d *digest) list(p *Process) {
	if len(d.processes) < maxListed {
		d.processes = append(d.processes, p)
		p.listed = true
	} else {
		d.unlisted++
	}
}

func (d *digest) socket(e *tape.Event) {
	s := e.Socket
	for _, q := range s.DNS {
		d.names.put(q.Name, struct{}{})
	}
	if s.Family != "inet" && s.Family != "inet6" || s.Address == "" {
		return
	}
	network := "tcp"
	if s.Type == "dgram" {
		network = "udp"
	}
	_, port := SplitAddress(s.Address)
	switch e.Kind {
	case tape.SocketBind, tape.SocketListen:
		if e.Errno != "" || (e.Kind == tape.SocketListen) != (network == "tcp") || port <= 0 {
			return
		}
		d.listeners.put(network+" "+s.Address, detonaut.Listener{
			Network: network, Address: cut(s.Address), PID: e.PID, Event: e.Seq,
		})
	case tape.SocketConnect, tape.SocketSend:
		d.traffic.attempt(e, network)
	default: // sockets that were made, and whoever was accepted at one that is listed
	}
}

// failure is an errno, unless it only says that a socket does not wait.
func failure(errno string) string {
	if errno == "EINPROGRESS" || errno == "EAGAIN" {
		return ""
	}
	return errno
}

func (d *digest) file(e *tape.Event) {
	f := e.File
	switch e.Kind {
	case tape.FileDelete:
		d.deleted.put(f.Path, struct{}{})
	case tape.FileRename, tape.FileLink:
		d.written.put(f.Target, struct{}{})
	case tape.FileCreate, tape.FileTruncate, tape.FileWrite:
		d.wrote(f.Path)
	case tape.FileOpen:
		if writes(f.Flags) {
			d.wrote(f.Path)
		}
	default: // what changes no content
	}
}

// writes tells whether flags of open are those of somebody who writes.
func writes(flags string) bool {
	return strings.Contains(flags, "O_WRONLY") || strings.Contains(flags, "O_RDWR")
}

func (d *digest) wrote(path string) {
	switch path {
	case "/dev/null", "/dev/zero", "/dev/tty", "/dev/full":
	default:
		d.written.put(path, struct{}{})
	}
}

// run returns the digest of everything added.
func (d *digest) run() detonaut.Run {
	r := detonaut.Run{
		Command: slices.Clone(d.start.Plan.Args), Elapsed: d.elapsed, Processes: []detonaut.Process{},
		Names: d.names.keys(), FilesWritten: d.written.keys(), FilesDeleted: d.deleted.keys(),
		Listeners: d.listeners.values(), Output: d.output.String(), Network: string(d.start.Plan.Network),
	}
	d.traffic.tell(&r)
	d.payloads.tell(&r)
	if r.Command == nil {
		r.Command = []string{}
	}
	if d.end != nil {
		r.EndReason, r.EndDetail = string(d.end.Reason), d.end.Detail
		r.ExitCode, r.Signal = d.end.ExitCode, d.end.Signal
		r.CPU, r.MaxMemory = time.Duration(d.end.CPU), d.end.MaxMemory
		if d.end.Ahead > 0 {
			r.Simulated = d.elapsed + time.Duration(d.end.Ahead)
		}
	}
	for _, p := range d.processes {
		r.Processes = append(r.Processes, detonaut.Process{
			PID: p.PID, Parent: p.Parent, Executable: cut(p.Executable), Args: slices.Clone(cutArgs(p.Args, maxEndedArgBytes)),
			Origin: string(p.Origin), SHA256: p.SHA256, UID: p.UID, Start: p.Start, End: p.End, Exit: p.Exit, Event: p.Event,
		})
	}
	slices.SortFunc(r.Processes, func(a, b detonaut.Process) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Event, b.Event))
	})
	r.Notes = d.notes()
	return r
}

func (d *digest) notes() (notes []string) {
	if d.unlisted > 0 {
		notes = append(notes, fmt.Sprintf("processes: %d more are not listed", d.unlisted))
	}
	payloads, changes := d.payloads.full()
	for _, list := range []struct {
		name string
		full bool
	}{
		{"listeners", d.listeners.full},
		{"connections", d.traffic.connections.full},
		{"dns_names", d.names.full},
		{"requests", d.traffic.requests.full},
		{"rejections", d.traffic.rejections.full},
		{"messages", d.traffic.messages.full},
		{"baits", d.traffic.baits.full},
		{"bodies", d.traffic.bodies.full},
		{"payloads", payloads},
		{"changes", changes},
		{"files_written", d.written.full},
		{"files_deleted", d.deleted.full},
	} {
		if list.full {
			notes = append(notes, fmt.Sprintf("%s: only the first %d are listed", list.name, maxListed))
		}
	}
	if d.end != nil {
		for _, b := range d.end.Bounds {
			if what := keptBeside[b]; what != "" {
				notes = append(notes, what)
			}
		}
	}
	if d.outputCut {
		notes = append(notes, fmt.Sprintf("output: only the first %d bytes are kept", maxOutput))
	}
	return notes
}

// bounded is a map that takes maxListed keys and then no more.
type bounded[V any] struct {
	m    map[string]V
	full bool
}

func (b *bounded[V]) get(key string) (V, bool) {
	v, ok := b.m[cut(key)]
	return v, ok
}

// put adds key unless it is there already. It reports whether v is in b now.
func (b *bounded[V]) put(key string, v V) bool {
	key = cut(key)
	if _, ok := b.m[key]; ok {
		return false
	}
	if len(b.m) >= maxListed {
		b.full = true
		return false
	}
	if b.m == nil {
		b.m = make(map[string]V)
	}
	b.m[key] = v
	return true
}

func (b *bounded[V]) keys() []string { return slices.Sorted(maps.Keys(b.m)) }

// values are in the order of their keys.
func (b *bounded[V]) values() (values []V) {
	for _, k := range b.keys() {
		values = append(values, b.m[k])
	}
	return values
}

// cut bounds a string of the subject that is kept for a report.
func cut(s string) string { return head(s, maxPathBytes) }

// head is the first n bytes of s.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.Clone(s[:n])
}
