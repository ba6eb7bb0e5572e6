package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/look"
	"github.com/detonaut/detonaut/internal/survey/polite"
	"github.com/detonaut/detonaut/internal/survey/source"
	"github.com/detonaut/detonaut/internal/telemetry"
)

// registries is how others are asked for surveys and submissions: politely, and only whom this
// machine may reach for strangers, and whom the operator has named.
type registries struct {
	cfg  *config.Loaded
	keep store.Surveys
	// wrap makes a transport polite.
	wrap func(http.RoundTripper) http.RoundTripper
	log  *slog.Logger
	// secrets are what is shown to the APIs of sources, by the keys of the configuration.
	secrets map[string]string

	mu      sync.Mutex
	surveys map[string]knownSurvey
	ways    map[string]*way // by their sources
}

// knownSurvey is what the sources of a survey are, for a while: one that was dropped may begin
// anew with others.
type knownSurvey struct {
	sources []string
	until   time.Time
}

// way is how the servers of some sources are reached: as whom, and by which connections. Those of
// other sources may reach others, so they have connections of their own.
type way struct {
	guest *image.Guest
	own   *http.Transport
}

// maxWays bounds the ways that are kept: there are few surveys at a time.
const maxWays = 32

// maxSecret bounds a file with one, in bytes.
const maxSecret = 4096

// registries makes one of a store, which all processes that share it are polite together by. Whoever
// used it closes it.
func (a *app) registries(cfg *config.Loaded, s store.Store, watch *telemetry.Telemetry, log *slog.Logger) (*registries, error) {
	rates, other, err := cfg.Politeness.HostRates()
	if err != nil {
		return nil, fmt.Errorf("%w: politeness: %w", detonaut.ErrUsage, err)
	}
	o := polite.Options{Rates: map[string]store.HostRate{}, Default: store.HostRate(other), Patience: cfg.Politeness.Patience, Waited: watch.Waited, Log: log}
	for host, rate := range rates {
		o.Rates[host] = store.HostRate(rate)
	}
	p := polite.New(s, o)
	r := &registries{
		cfg: cfg, keep: s, log: log, secrets: map[string]string{},
		surveys: map[string]knownSurvey{}, ways: map[string]*way{},
		wrap: func(next http.RoundTripper) http.RoundTripper { return p.Wrap(watch.Transport(next)) },
	}
	for key, file := range map[string]string{
		"docker_hub_token": cfg.Survey.DockerHubToken, "quay_token": cfg.Survey.QuayToken,
		"github_token": cfg.Survey.GitHubToken, "harbor_login": cfg.Survey.HarborLogin,
	} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read survey.%s: %w", key, err)
		}
		if len(b) > maxSecret {
			return nil, fmt.Errorf("read survey.%s: %w: %s has more than %d bytes", key, detonaut.ErrUsage, file, maxSecret)
		}
		r.secrets[key] = strings.TrimSpace(string(b))
	}
	return r, nil
}

// close closes the connections that nobody uses any more.
func (r *registries) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
}

// forget has ways be made anew. It has r.mu.
func (r *registries) forget() {
	for _, w := range r.ways {
		w.own.CloseIdleConnections()
	}
	clear(r.ways)
}

// way is that of sources.
func (r *registries) way(sources []string) (*way, error) {
	key := strings.Join(sources, "\n")
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.ways[key]; w != nil {
		return w, nil
	}
	guest, err := r.guest(sources)
	if err != nil {
		return nil, err
	}
	w := &way{guest, http.DefaultTransport.(*http.Transport).Clone()}
	// Where an API is was said by the operator: only where it sends us on is somebody else's word.
	w.own.Proxy, w.own.DialContext = nil, guest.Reach.Dial
	if len(r.ways) >= maxWays {
		r.forget()
	}
	r.ways[key] = w
	return w, nil
}

// guest is who asks for the images of sources: nobody is trusted, but these hosts were named by
// the operator. Without sources it is who submits.
func (r *registries) guest(sources []string) (*image.Guest, error) {
	allow, logins := slices.Clone(r.cfg.Guests.Registries), slices.Clone(r.cfg.Guests.Logins)
	for _, spec := range sources {
		if host := sourceHost(spec); host != "" {
			allow, logins = append(allow, host), append(logins, host)
		}
	}
	policy, err := reach.New(reach.Options{Allow: allow, Timeout: r.cfg.Image.Silence})
	if err != nil {
		return nil, err
	}
	return &image.Guest{Reach: policy, Logins: logins}, nil
}

// options are how registries are asked without pulling anything.
func (r *registries) options(guest *image.Guest) image.Options {
	c := r.cfg.Image
	return image.Options{
		PlainHTTP: slices.Clone(c.PlainHTTP), Insecure: slices.Clone(c.Insecure), Silence: c.Silence,
		Caps: caps(c), Guest: guest, Transport: r.wrap,
	}
}

// sourceHost is the registry that a source names; empty if it is one of which anything may be in it.
func sourceHost(spec string) string {
	kind, rest, _ := strings.Cut(spec, ":")
	switch kind {
	case "dockerhub":
		return "docker.io"
	case "ghcr":
		return "ghcr.io"
	case "registry", "harbor", "quay":
		host, _, deep := strings.Cut(rest, "/")
		if kind == "quay" && !deep {
			return "quay.io"
		}
		return host
	}
	return ""
}

// guestOf is who asks for the images of a survey; of none if its name is empty.
func (r *registries) guestOf(ctx context.Context, name string) (*image.Guest, error) {
	sources, err := r.sources(ctx, name)
	if err != nil {
		return nil, err
	}
	w, err := r.way(sources)
	if err != nil {
		return nil, err
	}
	return w.guest, nil
}

// sources are those of a survey, none if its name is empty.
func (r *registries) sources(ctx context.Context, name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.surveys[name]; time.Now().Before(k.until) {
		return k.sources, nil
	}
	s, err := findSurvey(ctx, r.keep, name)
	if err != nil {
		return nil, err
	}
	clear(r.surveys) // there are few at a time
	r.surveys[name] = knownSurvey{s.Sources, time.Now().Add(time.Minute)}
	return s.Sources, nil
}

// open opens a source of a survey.
func (r *registries) open(spec string, stdin io.Reader) (source.Source, error) {
	o, err := r.sourceOptions([]string{spec})
	if err != nil {
		return nil, err
	}
	o.Stdin = stdin
	return source.Open(spec, o)
}

// sourceOptions are how sources are reached.
func (r *registries) sourceOptions(sources []string) (source.Options, error) {
	w, err := r.way(sources)
	if err != nil {
		return source.Options{}, err
	}
	c := r.cfg.Survey
	return source.Options{
		HTTP: &http.Client{Transport: r.wrap(w.own)}, Image: r.options(w.guest), Log: r.log,
		DockerHub: c.DockerHub, Quay: c.Quay, GitHub: c.GitHub,
		DockerHubToken: r.secrets["docker_hub_token"], QuayToken: r.secrets["quay_token"],
		GitHubToken: r.secrets["github_token"], HarborLogin: r.secrets["harbor_login"],
	}, nil
}

// look looks what is in a repository of a survey.
func (r *registries) look(ctx context.Context, s store.Survey, c store.Candidate) ([]store.Item, store.Reason, error) {
	o, err := r.sourceOptions(s.Sources)
	if err != nil {
		return nil, "", err
	}
	return look.Repository(ctx, c, s.Choice, look.Options{Image: o.Image, Newest: source.Newest(s.Sources, o)})
}
