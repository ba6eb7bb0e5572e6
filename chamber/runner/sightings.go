package runner

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the search for baits inside the sandbox, and of what is told of it.
const (
	maxSearched  = 256 << 20 // bytes of a run
	maxSightings = 256       // events of a run
	maxSame      = 4         // of one credential, place and process
)

// sightings looks for baits in what the subject does inside its sandbox. What it
// sends, the network looks through.
//
// Most runs never open a file that was planted, nor ask for what is handed out.
// Until one does, nothing but the variables can be anywhere, and only these are
// looked for, as they are; what a subject writes is not read at all.
type sightings struct {
	set     *bait.Set
	planted map[string]bool // the files, each of which may hold what was put there
	busy    atomic.Bool     // the sandbox is kept waiting for a search

	mu    sync.Mutex
	taken bool  // something was there to be taken
	left  int64 // bytes that may still be searched
	cut   bool  // more was to be searched
	told  map[told]int
	total int
}

type told struct {
	name, place string
	pid         int32
}

func newSightings(b *baits) *sightings {
	s := &sightings{set: b.set, planted: make(map[string]bool, len(b.plants)), left: maxSearched, told: make(map[told]int)}
	for i := range b.plants {
		s.planted[b.plants[i].Path] = true
	}
	return s
}

// in returns what is to be told of an event of the sandbox, with the content that
// came with it. What is wrong with the event others find out.
func (s *sightings) in(l tape.Line, content []byte) []*tape.Event {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch l.Kind {
	case tape.FileOpen, tape.FileRename, tape.FileLink:
		s.taken = s.taken || bytes.Contains(l.Rest(), []byte(`,"bait":"`))
	case tape.CallPrefix + "mount": // another way to the same files, perhaps
		s.taken = true
	}
	look := s.executed
	switch l.Kind {
	case tape.ProcessExec:
	case tape.FileCreate, tape.FileRename, tape.FileLink, tape.FileSymlink, tape.FileMkdir, tape.FileMknod:
		look = s.named
	case tape.PayloadKeep:
		look = func(e *tape.Event) []*tape.Event { return s.kept(e, content) }
	default:
		return nil
	}
	switch {
	case !s.taken && l.Kind != tape.ProcessExec: // a variable is no name of a file, and copied by many
		return nil
	case l.Kind == tape.PayloadKeep && len(content) == 0:
		return nil
	case l.Kind != tape.PayloadKeep && len(s.search(l.Rest())) == 0: // most are not worth decoding
		return nil
	}
	e, err := l.Decode()
	if err != nil {
		return nil
	}
	return look(e)
}

// executed looks at arguments and variables.
func (s *sightings) executed(e *tape.Event) (seen []*tape.Event) {
	for _, arg := range e.Process.Args {
		seen = append(seen, s.tell(e, "argv", e.Process.Executable, s.search([]byte(arg)))...)
	}
	for _, v := range e.Process.Env {
		_, value, _ := strings.Cut(v, "=")
		seen = append(seen, s.tell(e, "environment", e.Process.Executable, s.search([]byte(value)))...)
	}
	return seen
}

// named looks at the name of something that is made.
func (s *sightings) named(e *tape.Event) []*tape.Event {
	name := e.File.Path
	if e.File.Target != "" && e.Kind != tape.FileSymlink {
		name = e.File.Target
	}
	return s.tell(e, "file-name", name, s.search([]byte(e.File.Path+"\n"+e.File.Target)))
}

// kept looks at what a file held that was written.
func (s *sightings) kept(e *tape.Event, content []byte) []*tape.Event {
	if s.planted[e.Payload.Path] || e.Payload.How == tape.Code || e.Payload.How == tape.Stdin {
		return nil
	}
	return s.tell(e, "file", e.Payload.Path, s.search(content))
}

// printed looks at output, of which it is not known who wrote it.
func (s *sightings) printed(e *tape.Event) []*tape.Event {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell(e, "output", "", s.search([]byte(e.Output.Text)))
}

// answered notes what a request was answered, which may have been credentials.
func (s *sightings) answered(h *tape.HTTP) {
	if s == nil || h == nil {
		return
	}
	who, _, _ := strings.Cut(h.Answer, "/")
	switch who {
	case "metadata", "kubernetes", "kubelet", "etcd", "docker":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = true
	}
}

// search finds baits in data, as far as the bound allows. The caller holds mu.
func (s *sightings) search(data []byte) []bait.Match {
	if !s.taken {
		return s.set.Plain(bait.Environment, data)
	}
	if s.left -= int64(len(data)); s.left < 0 {
		s.cut = true
		return nil
	}
	s.busy.Store(true)
	defer s.busy.Store(false)
	found, complete := s.set.Search(data)
	s.cut = s.cut || !complete
	return found
}

// tell makes the events of what was found in that of a deed, unless enough was
// told of the same. The caller holds mu.
func (s *sightings) tell(of *tape.Event, place, path string, found []bait.Match) (seen []*tape.Event) {
	for _, m := range found {
		key := told{m.Name, place, of.PID}
		if s.total >= maxSightings || s.told[key] >= maxSame {
			continue
		}
		s.told[key]++
		s.total++
		seen = append(seen, &tape.Event{Kind: tape.BaitSeen, PID: of.PID, TID: of.TID, Ahead: of.Ahead, Bait: &tape.Bait{
			Name: m.Name, Source: string(bait.SourceOf(m.Name)), Encoding: m.Encoding, Place: place, Path: path,
		}})
	}
	return seen
}

// searching tells whether a search is under way.
func (s *sightings) searching() bool { return s != nil && s.busy.Load() }

// bounds names the bound that was hit, if one was.
func (s *sightings) bounds() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return []string{"baits"}
	}
	return nil
}
