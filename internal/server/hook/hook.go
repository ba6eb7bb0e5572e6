// Package hook tells addresses of people of reports: by a signed request for each, which is
// sent again until it is answered, for a day.
//
// The address is whoever's who made the hook, and is reached as a stranger's is. What it
// answers is a status and nothing else. docs/webhooks.md says how a receiver knows that a
// request is ours.
package hook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/store"
)

// Options are what a sender sends with.
type Options struct {
	Store store.Hooks
	// Reach decides which addresses are sent to.
	Reach *reach.Policy
	// Permalink is the URL of the page of a report.
	Permalink func(store.Summary) string
	// Lease is for how long deliveries are one sender's; zero is a minute. So long they wait
	// when it was killed.
	Lease time.Duration
	// Timeout bounds one request; zero is 10 seconds.
	Timeout time.Duration
	// Poll is how often the store is asked what is due; zero is 2 seconds.
	Poll time.Duration
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
	// Log is told of what goes wrong; nil is nobody.
	Log *slog.Logger
}

// Bounds of a sender.
const (
	maxDue   = 64   // deliveries at a time
	maxHosts = 8    // that are sent to at a time, each by one goroutine
	maxURL   = 8000 // bytes
)

// Names of the headers of a request.
const (
	SignatureHeader = "Detonaut-Signature"
	DeliveryHeader  = "Detonaut-Delivery"
)

// Sender sends what is due. Several may share a store.
type Sender struct {
	o      Options
	name   string
	client *http.Client
}

// New makes a sender, which does nothing before Run.
func New(o Options) *Sender {
	for _, d := range []struct {
		v     *time.Duration
		value time.Duration
	}{{&o.Lease, time.Minute}, {&o.Timeout, 10 * time.Second}, {&o.Poll, 2 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.value
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Sender{o: o, name: "hooks-" + rand.Text(), client: &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext:            o.Reach.Dial, // and no proxy, which would connect to what we may not
			TLSHandshakeTimeout:    o.Timeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        10 * time.Second,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// CheckURL says whether a hook may have this address. The error is [detonaut.ErrUsage].
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return fmt.Errorf("%w: the URL has more than %d bytes", detonaut.ErrUsage, maxURL)
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf("%w: want a URL of http or https", detonaut.ErrUsage)
	case u.User != nil:
		return fmt.Errorf("%w: the URL has a user: the signature is what tells that a request is ours", detonaut.ErrUsage)
	}
	return nil
}

// Signature signs a body at a time with the secret of a hook. It is the value of a header.
func Signature(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Run sends what is due until ctx ends, and then what it has begun to send. The error is
// nil; Run returns no other.
func (s *Sender) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	for ctx.Err() == nil {
		due, err := s.o.Store.Due(ctx, s.name, s.o.Lease, maxDue)
		if err != nil && ctx.Err() == nil {
			s.o.Log.Error("cannot ask which webhooks are due", "error", err)
		}
		s.round(ctx, due)
		if len(due) == maxDue {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.o.Poll):
		}
	}
	return nil
}

// round sends what is due: to each host one after the other, and to several hosts at a time.
// What takes too long is left to another round, when its lease has ended.
func (s *Sender) round(ctx context.Context, due []store.Delivery) {
	until := time.Now().Add(s.o.Lease / 2)
	hosts := map[string][]store.Delivery{}
	var order []string
	for _, d := range due {
		host := ""
		if u, err := url.Parse(d.Hook.URL); err == nil {
			host = u.Host
		}
		if hosts[host] == nil {
			order = append(order, host)
		}
		hosts[host] = append(hosts[host], d)
	}
	var sending sync.WaitGroup
	slots := make(chan struct{}, maxHosts)
	for _, host := range order {
		slots <- struct{}{}
		sending.Go(func() {
			defer func() { <-slots }()
			away := error(nil)
			for _, d := range hosts[host] {
				if ctx.Err() != nil || time.Now().After(until) {
					return
				}
				away = s.deliver(context.WithoutCancel(ctx), d, away)
			}
		})
	}
	sending.Wait()
}
