package process

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"unicode"
)

const (
	maxTail  = 4 << 10 // bytes of stderr that an error shows
	maxLines = 1000    // lines of stderr that one run may log
)

// stderr takes what the chamber says besides the tape. It keeps the tail for
// errors and logs a bounded number of lines. Parts of it may be the subject's
// words. It is safe for several goroutines.
type stderr struct {
	log *slog.Logger // or nil

	mu    sync.Mutex
	tail  []byte
	line  []byte
	lines int
}

// Write never fails: whatever the chamber floods us with is read and dropped.
func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail = append(s.tail, p[max(0, len(p)-maxTail):]...)
	s.tail = append(s.tail[:0], s.tail[max(0, len(s.tail)-maxTail):]...)
	for rest := p; s.log != nil && len(rest) > 0 && s.lines <= maxLines; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		s.line = append(s.line, part[:min(len(part), maxTail-len(s.line))]...)
		if whole {
			s.logLine()
		}
	}
	return len(p), nil
}

func (s *stderr) logLine() {
	if s.lines++; s.lines > maxLines {
		s.log.Debug("the chamber says more than is logged", "lines", maxLines)
	} else {
		s.log.Debug("the chamber says", "line", string(s.line))
	}
	s.line = s.line[:0]
}

// String returns the tail, fit for a message: one line without control
// characters.
func (s *stderr) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.ToValidUTF8(string(bytes.TrimSpace(s.tail)), "?")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '|'
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}
