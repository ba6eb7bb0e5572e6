package network

import "time"

// Pending tells when the internet is going to do something by itself, though the
// subject does nothing: now, while it works on an answer or carries what a live
// network says; later, when a client has been silent for too long. It is false
// where nothing of that kind is to come. A flow of which nothing was heard for
// longer than stuck does not count as worked on; 0 is no bound. It costs a look at
// every open flow.
func (n *Internet) Pending(stuck time.Duration) (at time.Time, is bool) {
	now := time.Now()
	n.datagrams.mu.Lock()
	busy := n.datagrams.answering > 0
	n.datagrams.mu.Unlock()
	if busy {
		return now, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for f := range n.living {
		next, ok := f.acts(now, stuck)
		if ok && (!is || next.Before(at)) {
			at, is = next, true
		}
	}
	return at, is
}

// Working tells whether a server is at work on what the subject said, and has got on with
// it within that time. A live network works for others, and is not asked.
func (n *Internet) Working(within time.Duration) bool {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	for f := range n.living {
		f.mu.Lock()
		ours := !f.live && f.conn != nil
		f.mu.Unlock()
		if ours && !f.listening.Load() && now.Sub(time.Unix(0, f.moved.Load())) < within {
			return true
		}
	}
	return false
}

// acts tells when the server of f does something by itself.
func (f *flow) acts(now time.Time, stuck time.Duration) (time.Time, bool) {
	f.mu.Lock()
	busy, http := f.live || f.conn == nil, f.protocol == "http"
	f.mu.Unlock()
	if busy || f.answering.Load() > 0 || !f.listening.Load() {
		return now, stuck == 0 || now.Sub(time.Unix(0, f.moved.Load())) < stuck
	}
	until := f.patience.Load()
	switch {
	case until != 0:
		return time.Unix(0, until), true
	case http: // its server has a clock of its own for HTTP/2
		return now.Add(idleTime), true
	default:
		return time.Time{}, false
	}
}

// waitsUntil notes until when the server waits for its client; zero is for ever.
func (f *flow) waitsUntil(t time.Time) {
	if t.IsZero() {
		f.patience.Store(0)
	} else {
		f.patience.Store(t.UnixNano())
	}
}
