package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
)

// repaint is how often the line of progress is drawn anew.
const repaint = 100 * time.Millisecond

// console is stderr while images are analysed: one line of progress if it is
// a terminal, a line a stage if not, nothing if it is to be quiet.
type console struct {
	w          io.Writer
	live, mute bool
	total      int
	stop       chan struct{}
	stopped    sync.WaitGroup

	mu      sync.Mutex
	active  []*status
	done    int
	painted string // the line that is on the terminal
}

// newConsole begins to show the progress of total images, until close.
func newConsole(w io.Writer, quiet bool, total int) *console {
	c := &console{w: w, live: isTerminal(w) && !quiet, mute: quiet, total: total, stop: make(chan struct{})}
	if c.live {
		c.stopped.Go(c.paintOften)
	}
	return c
}

func (c *console) close() {
	close(c.stop)
	c.stopped.Wait()
	c.clear(func() {})
}

func (c *console) paintOften() {
	tick := time.NewTicker(repaint)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			c.mu.Lock()
			c.paint()
			c.mu.Unlock()
		}
	}
}

// clear takes the line away while something else is written to the terminal.
func (c *console) clear(write func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.painted != "" {
		fmt.Fprint(c.w, "\r\x1b[K")
		c.painted = ""
	}
	write()
}

// paint draws the line; c.mu is held.
func (c *console) paint() {
	if len(c.active) == 0 {
		return
	}
	width := 80
	if f, ok := c.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			width = w
		}
	}
	count := ""
	if c.total > 1 {
		count = fmt.Sprintf("%d of %d done, ", c.done, c.total)
	}
	if line := progressLine(count, c.active[0].name, c.active[0].now(), width-1); line != c.painted {
		fmt.Fprint(c.w, "\r\x1b[K"+line)
		c.painted = line
	}
}

// progressLine is at most width characters. The beginning of a long name goes
// first: what is done, and the end of the name, tell more.
func progressLine(count, name, now string, width int) string {
	over := utf8.RuneCountInString(count+name+": "+now) - width
	if n := utf8.RuneCountInString(name); over > 0 {
		name = "…" + string([]rune(name)[min(over+1, n):])
	}
	line := []rune(count + name + ": " + now)
	return string(line[:min(len(line), max(width, 0))])
}

// notice writes a line that stays, where there is no line of progress.
func (c *console) notice(format string, args ...any) {
	if c.live || c.mute {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.w, "detonaut: "+format+"\n", args...)
}

// status is how far one image is. Its methods may be called from any
// goroutine.
type status struct {
	c    *console
	name string

	mu     sync.Mutex
	doing  string
	detail string
	ran    time.Time
	events uint64
}

// begin takes up ref.
func (c *console) begin(ref detonaut.Ref) *status {
	s := &status{c: c, name: report.Escape(string(ref))}
	c.mu.Lock()
	c.active = append(c.active, s)
	c.mu.Unlock()
	return s
}

// end puts it away.
func (s *status) end() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for i, t := range s.c.active {
		if t == s {
			s.c.active = append(s.c.active[:i:i], s.c.active[i+1:]...)
		}
	}
	s.c.done++
}

func (s *status) stage(name string) {
	s.mu.Lock()
	s.doing, s.detail = name, ""
	s.mu.Unlock()
	if name != detonaut.StageExplain { // which takes no time
		s.c.notice("%s: %s", s.name, name)
	}
}

func (s *status) pull(p image.Progress) {
	var b strings.Builder
	b.WriteString(string(p.Stage))
	if p.Layers > 0 {
		fmt.Fprintf(&b, " layer %d of %d", p.Layer, p.Layers)
	}
	b.WriteString(megabytes(p.Done, p.Total))
	s.mu.Lock()
	s.detail = b.String()
	s.mu.Unlock()
}

// tell says what is being done in other words than those of a stage.
func (s *status) tell(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detail = text
}

func (s *status) database(p vulndb.Progress) {
	s.mu.Lock()
	begins := p.Doing != s.doing
	s.doing, s.detail = p.Doing, p.Doing+megabytes(p.Done, p.Total)
	s.mu.Unlock()
	if begins {
		s.c.notice("%s: %s", s.name, p.Doing)
	}
}

// megabytes tells how much of something is done, behind a comma; nothing of nothing.
func megabytes(done, total int64) string {
	switch {
	case done <= 0:
		return ""
	case total <= 0:
		return fmt.Sprintf(", %.1f MB", float64(done)/1e6)
	}
	return fmt.Sprintf(", %.1f of %.1f MB", float64(done)/1e6, float64(total)/1e6)
}

func (s *status) event(e *tape.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Start != nil {
		s.ran = time.Now()
	}
	s.events = e.Seq
}

// now says what is being done.
func (s *status) now() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.detail != "":
		return s.detail
	case !s.ran.IsZero():
		return fmt.Sprintf("running for %.0fs, %d events", time.Since(s.ran).Seconds(), s.events)
	}
	return s.doing
}
