package clock

import "time"

// Rest is a time in which no task runs, for as long as none does. It holds a
// goroutine until it is ended. Its methods are for one goroutine.
type Rest struct {
	stop chan struct{}
	ran  chan bool // has one value: whether a task ran before stop was closed
	over bool      // a task ran
}

// Rest begins to watch for tasks that run.
func (c *Clock) Rest() *Rest {
	r := &Rest{stop: make(chan struct{}), ran: make(chan bool, 1)}
	k := c.kernel.Load()
	if k == nil {
		r.ran <- true // the subject is about to begin
		return r
	}
	go func() { r.ran <- k.WaitForTaskActivity(r.stop) }()
	return r
}

// Lasts waits for that long and tells whether no task ran meanwhile.
func (r *Rest) Lasts(quiet time.Duration) bool {
	enough := time.NewTimer(quiet)
	defer enough.Stop()
	select {
	case r.over = <-r.ran:
		r.ran <- r.over
	case <-enough.C:
	}
	return !r.over
}

// End tells whether no task ran since the rest began, if it has lasted for a moment
// at all. It is called once.
func (r *Rest) End() bool {
	close(r.stop)
	return !<-r.ran
}
