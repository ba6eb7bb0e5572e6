package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/store"
)

// Message is the body of a request. Its strings may be the subject's.
type Message struct {
	// Event is "report".
	Event string `json:"event"`
	// Delivery is the same whenever a message is sent again.
	Delivery int64         `json:"delivery"`
	Sent     time.Time     `json:"sent"`
	Report   store.Summary `json:"report"`
	// URL is that of the page of the report.
	URL string `json:"url"`
}

// maxText bounds the strings of a message that a subject can make long, in bytes.
const maxText = 2000

// errStatus is an answer that does not take a message.
type errStatus int

func (e errStatus) Error() string { return fmt.Sprintf("the receiver answers %d", int(e)) }

// deliver sends a message, or, if its host has just been away for another, puts it off as
// that was. It returns why the host is away; nil if it is not.
func (s *Sender) deliver(ctx context.Context, d store.Delivery, away error) error {
	err := away
	if err == nil {
		err = s.send(ctx, d)
	}
	failure, again := "", time.Time{}
	if err != nil {
		failure = plainly(err)
		if wait, more := pause(d.Attempts); more && !errors.Is(err, errStatus(http.StatusGone)) {
			again = s.o.Now().Add(jitter(wait))
		}
		s.o.Log.Info("a webhook was not delivered", "hook", d.Hook.ID, "delivery", d.ID, "error", err, "again", again)
	}
	for range 3 {
		kept, cancel := context.WithTimeout(ctx, s.o.Lease/8)
		kerr := s.o.Store.Delivered(kept, d.ID, failure, again)
		cancel()
		if kerr == nil || errors.Is(kerr, store.ErrNotFound) { // the hook was dropped
			break
		}
		// Then it is sent once more, when the lease has ended.
		s.o.Log.Warn("what came of a webhook cannot be kept", "delivery", d.ID, "error", kerr)
	}
	var answered errStatus
	if errors.As(err, &answered) {
		return nil
	}
	return err
}

// send sends a message once.
func (s *Sender) send(ctx context.Context, d store.Delivery) error {
	if err := CheckURL(d.Hook.URL); err != nil {
		return err
	}
	now := s.o.Now().UTC()
	r := d.Report
	r.Sentence, r.Family = cut(r.Sentence), cut(r.Family)
	body, err := json.Marshal(Message{Event: "report", Delivery: d.ID, Sent: now, Report: r, URL: s.o.Permalink(d.Report)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Hook.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "detonaut")
	req.Header.Set(DeliveryHeader, strconv.FormatInt(d.ID, 10))
	req.Header.Set(SignatureHeader, Signature(d.Hook.Secret, now, body))
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	// What is read makes the connection fit for another request; nobody looks at it.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return errStatus(resp.StatusCode)
	}
	return nil
}

// cut is valid and at most maxText bytes.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "") }

// plainly says why a message was not delivered, without what the error tells of this
// network.
func plainly(err error) string {
	var answered errStatus
	var t interface{ Timeout() bool }
	switch {
	case errors.As(err, &answered):
		return answered.Error()
	case errors.Is(err, reach.ErrRefused):
		return "the receiver is at an address that this server does not connect to"
	case errors.As(err, &t) && t.Timeout():
		return "the receiver does not answer in time"
	}
	return "the receiver cannot be reached"
}

// A message is sent again after 30 seconds, and then after twice the time, up to 4 hours.
// Together that is a little more than a day.
const (
	firstPause  = 30 * time.Second
	longestWait = 4 * time.Hour
	maxAttempts = 15
)

// pause is how long a message rests that was sent so often, once at least; more tells
// whether it is sent again at all.
func pause(attempts int) (d time.Duration, more bool) {
	return min(firstPause<<min(max(attempts-1, 0), 20), longestWait), attempts < maxAttempts
}

// jitter is d and up to a fifth, so that not all that failed together is sent together.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/5+1) }
