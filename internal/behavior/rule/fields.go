package rule

import (
	"maps"
	"strings"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// fieldTable lists the fields of every type. Those of the tape have the names
// of its JSON; a test holds the table to them. An absent payload reads as an
// empty one, so that no condition fails for want of a field.
func fieldTable() map[string]map[string]*field {
	table := map[string]map[string]*field{
		"Event": eventFields(),
		"End": {
			"reason":    text(func(e *tape.End) tape.Reason { return e.Reason }),
			"exit_code": number(func(e *tape.End) int { return e.ExitCode }),
			"signal":    text(func(e *tape.End) string { return e.Signal }),
			"bounds":    texts(func(e *tape.End) []string { return e.Bounds }),
			"cpu_ns":    number(func(e *tape.End) int64 { return e.CPU }),
		},
		"Exec": execFields(),
		"File": fileFields(),
		"Socket": {
			"fd":       number(func(s *tape.Socket) int32 { return s.FD }),
			"family":   text(func(s *tape.Socket) string { return s.Family }),
			"type":     text(func(s *tape.Socket) string { return s.Type }),
			"protocol": number(func(s *tape.Socket) int32 { return s.Protocol }),
			"address":  text(func(s *tape.Socket) string { return s.Address }),
			"size":     number(func(s *tape.Socket) int64 { return s.Size }),
			"dns":      list(questionType, func(s *tape.Socket) []tape.Question { return s.DNS }),
		},
		"Question": {
			"name": text(func(q *tape.Question) string { return q.Name }),
			"type": text(func(q *tape.Question) string { return q.Type }),
		},
		"Memory": {
			"call":    text(func(m *tape.Memory) string { return m.Call }),
			"address": number(func(m *tape.Memory) uint64 { return m.Address }),
			"size":    number(func(m *tape.Memory) uint64 { return m.Size }),
			"path":    text(func(m *tape.Memory) string { return m.Path }),
		},
		"Call": {
			"args":          named(func(c *tape.Call) map[string]string { return c.Args }),
			"unimplemented": truth(func(c *tape.Call) bool { return c.Unimplemented }),
		},
		"Output": {
			"text": text(func(o *tape.Output) string { return o.Text }),
			"size": number(func(o *tape.Output) int { return o.Size }),
		},
		"Process": processFields(),
		"Image":   imageFields(),
	}
	maps.Copy(table, trafficTable())
	maps.Copy(table, payloadTable())
	return table
}

func eventFields() map[string]*field {
	return map[string]*field{
		"seq":     number(func(e *tape.Event) uint64 { return e.Seq }),
		"t":       number(func(e *tape.Event) int64 { return e.Time }),
		"kind":    text(func(e *tape.Event) tape.Kind { return e.Kind }),
		"pid":     number(func(e *tape.Event) int32 { return e.PID }),
		"tid":     number(func(e *tape.Event) int32 { return e.TID }),
		"count":   number(func(e *tape.Event) uint64 { return e.N() }),
		"errno":   text(func(e *tape.Event) string { return e.Errno }),
		"cut":     truth(func(e *tape.Event) bool { return e.Cut }),
		"flow":    number(func(e *tape.Event) uint64 { return e.Flow }),
		"written": text(written),
		"end":     payload(endType, func(e *tape.Event) *tape.End { return e.End }),
		"process": payload(programType, func(e *tape.Event) *tape.Process { return e.Process }),
		"file":    payload(fileType, func(e *tape.Event) *tape.File { return e.File }),
		"socket":  payload(socketType, func(e *tape.Event) *tape.Socket { return e.Socket }),
		"memory":  payload(memoryType, func(e *tape.Event) *tape.Memory { return e.Memory }),
		"call":    payload(callType, func(e *tape.Event) *tape.Call { return e.Call }),
		"output":  payload(outputType, func(e *tape.Event) *tape.Output { return e.Output }),

		"flow_end": payload(flowType, func(e *tape.Event) *tape.Flow { return e.FlowEnd }),
		"dns":      payload(dnsType, func(e *tape.Event) *tape.DNS { return e.DNS }),
		"tls":      payload(tlsType, func(e *tape.Event) *tape.TLS { return e.TLS }),
		"http":     payload(httpType, func(e *tape.Event) *tape.HTTP { return e.HTTP }),
		"message":  payload(messageType, func(e *tape.Event) *tape.Message { return e.Message }),
		"bait":     payload(baitType, func(e *tape.Event) *tape.Bait { return e.Bait }),
		"trust":    payload(trustType, func(e *tape.Event) *tape.Trust { return e.Trust }),

		"payload": payload(payloadType, func(e *tape.Event) *tape.Payload { return e.Payload }),
		"change":  payload(changeType, func(e *tape.Event) *tape.Change { return e.Change }),
	}
}

func execFields() map[string]*field {
	return map[string]*field{
		"child":       number(func(p *tape.Process) int32 { return p.Child }),
		"parent":      number(func(p *tape.Process) int32 { return p.Parent }),
		"executable":  text(func(p *tape.Process) string { return p.Executable }),
		"interpreter": text(func(p *tape.Process) string { return p.Interpreter }),
		"origin":      text(func(p *tape.Process) tape.Origin { return p.Origin }),
		"sha256":      text(func(p *tape.Process) string { return p.SHA256 }),
		"args":        texts(func(p *tape.Process) []string { return p.Args }),
		"arg_count":   number(func(p *tape.Process) int { return max(p.ArgCount, len(p.Args)) }),
		"env":         texts(func(p *tape.Process) []string { return p.Env }),
		"env_count":   number(func(p *tape.Process) int { return max(p.EnvCount, len(p.Env)) }),
		"dir":         text(func(p *tape.Process) string { return p.Dir }),
		"uid":         number(func(p *tape.Process) uint32 { return p.UID }),
		"gid":         number(func(p *tape.Process) uint32 { return p.GID }),
		"exit_code":   number(func(p *tape.Process) int { return p.ExitCode }),
		"signal":      text(func(p *tape.Process) string { return p.Signal }),
	}
}

func fileFields() map[string]*field {
	return map[string]*field{
		"path":      text(func(f *tape.File) string { return f.Path }),
		"target":    text(func(f *tape.File) string { return f.Target }),
		"fd":        number(func(f *tape.File) int32 { return f.FD }),
		"flags":     text(func(f *tape.File) string { return f.Flags }),
		"mode":      number(func(f *tape.File) uint32 { return f.Mode }),
		"was":       number(func(f *tape.File) uint32 { return f.Was }),
		"uid":       number(func(f *tape.File) int64 { return optional(f.UID) }),
		"gid":       number(func(f *tape.File) int64 { return optional(f.GID) }),
		"attr":      text(func(f *tape.File) string { return f.Attr }),
		"removed":   truth(func(f *tape.File) bool { return f.Removed }),
		"size":      number(func(f *tape.File) int64 { return f.Size }),
		"sensitive": truth(func(f *tape.File) bool { return f.Sensitive }),
		"reveals":   text(func(f *tape.File) string { return f.Reveals }),
		"bait":      text(func(f *tape.File) string { return f.Bait }),
	}
}

func processFields() map[string]*field {
	return map[string]*field{
		"pid":         number(func(p *behavior.Process) int32 { return p.PID }),
		"executable":  text(func(p *behavior.Process) string { return p.Executable }),
		"interpreter": text(func(p *behavior.Process) string { return p.Interpreter }),
		"name":        text((*behavior.Process).Name),
		"origin":      text(func(p *behavior.Process) tape.Origin { return p.Origin }),
		"args":        texts(func(p *behavior.Process) []string { return p.Args }),
		"command":     text((*behavior.Process).Command),
		"dir":         text(func(p *behavior.Process) string { return p.Dir }),
		"uid":         number(func(p *behavior.Process) uint32 { return p.UID }),
		"history":     texts(func(p *behavior.Process) []string { return p.History }),
		"listens":     truth(func(p *behavior.Process) bool { return p.Listens }),
		"serves":      truth(func(p *behavior.Process) bool { return p.Serves }),
		"connects":    truth(func(p *behavior.Process) bool { return p.Connects }),
		"nesting":     number((*behavior.Process).Nesting),
		"maker":       text(func(p *behavior.Process) string { return p.Maker }),
	}
}

// written is the path that a file event made or opened for writing, under the
// name that it has afterwards; empty for any other event and if it failed. It is
// not on the tape.
func written(e *tape.Event) string {
	if e.File == nil || e.Errno != "" {
		return ""
	}
	switch e.Kind {
	case tape.FileRename, tape.FileLink:
		return e.File.Target
	case tape.FileCreate, tape.FileTruncate, tape.FileSymlink, tape.FileMknod, tape.FileWrite:
		return e.File.Path
	case tape.FileOpen:
		if strings.Contains(e.File.Flags, "O_WRONLY") || strings.Contains(e.File.Flags, "O_RDWR") {
			return e.File.Path
		}
	default:
	}
	return ""
}

// optional reads an owner: -1 leaves it as it is, and so does none.
func optional(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
