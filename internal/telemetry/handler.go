package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health says whether a process can work.
type Health struct {
	// Ready are what it needs; it is ready if all of them have no error.
	Ready []Check
	// Draining is closed when the process takes nothing new; nil never is.
	Draining <-chan struct{}
}

// Check is something that a process needs.
type Check struct {
	Name string
	// Ask returns an error if it does not answer. What it says is for the log only.
	Ask func(context.Context) error
}

// Bounds of the address at which all this is.
const (
	checkTime   = 5 * time.Second
	headerTime  = 5 * time.Second
	answerTime  = 30 * time.Second
	graceTime   = 2 * time.Second
	maxHeader   = 16 << 10 // bytes
	maxAtOnce   = 8        // scrapes
	metricsPath = "/metrics"
	healthPath  = "/healthz"
	readyPath   = "/readyz"
)

// Handler answers at /metrics, /healthz (the process lives) and /readyz (it can work). It is
// for those who operate it: nobody is asked who they are. On nil there are no metrics.
func (t *Telemetry) Handler(h Health) http.Handler {
	mux := http.NewServeMux()
	log := slog.New(slog.DiscardHandler)
	if t != nil {
		log = t.log
		mux.Handle("GET "+metricsPath, promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
			MaxRequestsInFlight: maxAtOnce, Timeout: answerTime,
		}))
	}
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, log) })
	return mux
}

// answer tells whether the process is ready, and which check says no.
func (h Health) answer(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	select {
	case <-h.Draining:
		say(w, http.StatusServiceUnavailable, "draining")
		return
	default:
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTime)
	defer cancel()
	for _, c := range h.Ready {
		if err := c.Ask(ctx); err != nil {
			log.Error("not ready", "needs", c.Name, "error", err)
			say(w, http.StatusServiceUnavailable, "not ready: "+c.Name)
			return
		}
	}
	say(w, http.StatusOK, "ready")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// Listen answers at an address, as [Telemetry.Handler] does, until done is called, which waits.
// It returns the address with its port.
func (t *Telemetry) Listen(ctx context.Context, address string, h Health) (at string, done func() error, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("listen for metrics at %s: %w", address, err)
	}
	hs := &http.Server{
		Handler: t.Handler(h), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime + headerTime,
		IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(l) }()
	return l.Addr().String(), func() error {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
		defer cancel()
		if err := hs.Shutdown(grace); err != nil {
			_ = hs.Close() // whoever still asked has had their time
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("listen for metrics: %w", err)
		}
		return nil
	}, nil
}
