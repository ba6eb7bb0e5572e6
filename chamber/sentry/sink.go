// Package sentry is the part of Detonaut that runs inside gVisor's sentry, the
// kernel of the sandbox, and the stream on which it reports.
//
// The sandbox process is our own binary, so the package registers a sink with
// gVisor's security checks (seccheck) for the birth, exec and death of
// processes, and wraps entries of the system call table for everything that
// those do not see: resolved paths, socket addresses, DNS questions. It writes
// facts only, and every write blocks until it is read: nothing is dropped.
// When the reader is gone the sentry exits; it never runs untraced.
package sentry

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/fd"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/seccheck"
	"gvisor.dev/gvisor/runsc/boot"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/machine"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/clock"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	sinkName = "detonaut"
	// The keys of the sink's options.
	optDetail   = "detail"
	optProfile  = "profile"
	optMaxTasks = "max_tasks"
	optProgram  = "program"
	optEnv      = "env"
	optSetup    = "setup"
	optTime     = "time"
	optPayloads = "payloads"
	optFace     = "face"
)

// Register makes the sink known to gVisor. Both the process that creates a
// sandbox and the sandbox itself call it once.
var Register = sync.OnceFunc(func() {
	seccheck.RegisterSink(seccheck.SinkDesc{Name: sinkName, Setup: setup, New: newSink})
})

// Session returns the configuration with which gVisor boots the sandbox that
// runs p in a root file system furnished as s says: what it calls a pod init
// config. With payloads the contents that are kept come with the events.
func Session(p *plan.Plan, s furnish.Setup, payloads bool) *boot.InitConfig {
	ids := []string{"group_id", "thread_id"}
	points := []seccheck.PointConfig{
		{Name: "sentry/task_exit", ContextFields: ids}, // without it nobody knows how the run ended
		{Name: "sentry/clone", ContextFields: ids},     // where the number of threads is bounded
	}
	if p.Detail != plan.Untraced {
		points = append(points,
			seccheck.PointConfig{Name: "sentry/execve", OptionalFields: []string{"binary_info", "binary_sha256"}, ContextFields: ids})
	}
	return &boot.InitConfig{TraceSession: seccheck.SessionConfig{
		Name:   "Default",
		Points: points,
		Sinks: []seccheck.SinkConfig{{Name: sinkName, Config: map[string]any{
			optDetail: string(p.Detail), optProfile: string(p.Profile), optMaxTasks: p.Limits.Processes, optProgram: p.Args[0], optEnv: p.Env, optSetup: s, optPayloads: payloads,
			optFace: machine.Face{Machine: p.Machine, Hostname: p.Hostname, Card: p.Network != plan.None},
			optTime: timing{Uptime: p.Machine.Uptime, Duration: p.Limits.Duration, Travel: p.Travel},
		}}},
	}}
}

// accepted is where setup leaves our end of the socket for Accept.
var accepted = make(chan *os.File, 1)

// setup runs in the process that creates the sandbox and returns the end of a
// socket that is donated to it. There is no path on disk that a third process
// could open.
func setup(map[string]any) (*os.File, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make event socket: %w", err)
	}
	// A deeper buffer saves wake-ups; the default of the machine is enough.
	_ = unix.SetsockoptInt(p[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	accepted <- os.NewFile(uintptr(p[0]), "events")
	return os.NewFile(uintptr(p[1]), "events in the sentry"), nil
}

// What stands before a piece of a content: a mark, with which no event begins,
// and the length of the piece, most significant byte first. A length of 0 takes
// back the pieces before it.
const (
	attachMark byte = 0
	attachHead      = 1 + 4
)

// Stream is the reader's end of the sandbox's events.
type Stream struct {
	f        *os.File
	r        *bufio.Reader
	attached bytes.Buffer
}

// Accept returns the stream of the sandbox that this process has just created.
func Accept() (*Stream, error) {
	select {
	case f := <-accepted:
		return &Stream{f: f, r: bufio.NewReaderSize(f, tape.MaxLine)}, nil
	default:
		return nil, errors.New("accept events: the sandbox was booted without its sink")
	}
}

// Next returns the sandbox's next event, valid until the next call. Its Seq
// counts what the sandbox sent; its Time is by the machine's CLOCK_MONOTONIC.
// An event of the kind run.end carries the sandbox's own counters and answers
// a request. The bytes are hostile, and only their head is checked. At
// the end of the stream the error is [io.EOF].
func (s *Stream) Next() (tape.Line, error) {
	if err := s.readAttached(); err != nil {
		return tape.Line{}, err
	}
	b, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return tape.Line{}, fmt.Errorf("%w: an event of more than %d bytes", tape.ErrInvalid, tape.MaxLine)
	}
	if errors.Is(err, io.EOF) && len(b) > 0 {
		return tape.Line{}, fmt.Errorf("%w: the sandbox died in the middle of an event", tape.ErrInvalid)
	}
	if err != nil {
		return tape.Line{}, err
	}
	return tape.ParseLine(b)
}

// readAttached reads the pieces of a content that stand before an event.
func (s *Stream) readAttached() error {
	for {
		mark, err := s.r.Peek(1)
		if err != nil {
			return err
		}
		if mark[0] != attachMark {
			return nil
		}
		var head [attachHead]byte
		if _, err := io.ReadFull(s.r, head[:]); err != nil {
			return fmt.Errorf("%w: the sandbox died in the middle of a payload", tape.ErrInvalid)
		}
		size := int64(binary.BigEndian.Uint32(head[1:]))
		if size == 0 && s.attached.Len() == 0 {
			return fmt.Errorf("%w: a payload without bytes", tape.ErrInvalid)
		}
		if size == 0 {
			s.attached.Reset()
		}
		if limit := artifact.DefaultLimits().Payload; size > chunkSize || int64(s.attached.Len())+size > limit {
			return fmt.Errorf("%w: a payload of more than %d bytes", tape.ErrInvalid, limit)
		}
		if _, err := io.CopyN(&s.attached, s.r, size); err != nil {
			return fmt.Errorf("%w: the sandbox died in the middle of a payload", tape.ErrInvalid)
		}
	}
}

// Attached returns the content that came before the event that Next returned
// last, valid until the next call; empty if there was none. It is given once.
func (s *Stream) Attached() []byte {
	b := s.attached.Bytes()
	s.attached.Reset()
	if s.attached.Cap() > 4*chunkSize {
		s.attached = bytes.Buffer{} // b keeps what it needs
	}
	return b
}

// Ask makes a request, which a run.end answers.
func (s *Stream) Ask(r Request) error {
	if _, err := s.f.Write([]byte{byte(r)}); err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	return nil
}

// Close closes the reader's end, upon which the sandbox exits.
func (s *Stream) Close() error { return s.f.Close() }

// newSink runs inside the sandbox, before its seccomp filters are set.
func newSink(options map[string]any, endpoint *fd.FD) (seccheck.Sink, error) {
	detail, _ := options[optDetail].(string)
	profile, _ := options[optProfile].(string)
	maxTasks, _ := options[optMaxTasks].(float64)
	program, _ := options[optProgram].(string)
	t := &tracer{detail: plan.Detail(detail), profile: plan.Profile(profile), maxTasks: int(maxTasks), program: program, env: asStrings(options[optEnv])}
	var err error
	if t.setup, err = optionOf[furnish.Setup](options[optSetup]); err != nil {
		return nil, err
	}
	if t.timing, err = optionOf[timing](options[optTime]); err != nil {
		return nil, err
	}
	if t.clock, err = clock.New(); err != nil {
		return nil, err
	}
	if t.face, err = optionOf[machine.Face](options[optFace]); err != nil {
		return nil, err
	}
	t.living, t.threads = make(map[*kernel.Task]bool), make(map[*kernel.ThreadGroup]int)
	t.clocks = make(map[*kernel.ThreadGroup]*clockCount)
	t.out = newEmitter(endpoint, Monotonic())
	wanted, _ := options[optPayloads].(bool)
	t.payloads = newPayloads(t.out, wanted)
	go t.serve()
	active.Store(t)
	return t, nil
}

// optionOf reads an option that Session wrote, which gVisor has made maps of
// meanwhile.
func optionOf[T any](v any) (option T, err error) {
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &option)
	}
	if err != nil {
		return option, fmt.Errorf("read an option of the sandbox: %w", err)
	}
	return option, nil
}

func asStrings(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Monotonic reads the clock of the events that Next returns, which all
// processes of the machine share, in nanoseconds.
func Monotonic() int64 {
	var ts unix.Timespec
	// It cannot fail with a valid clock.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
