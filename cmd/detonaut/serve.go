package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/docs"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/server"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/hook"
	"github.com/detonaut/detonaut/internal/server/person"
	"github.com/detonaut/detonaut/internal/store"
)

func (a *app) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve reports as pages and an API, and analyse what is submitted",
		Long: `Serve shows what is remembered: pages for people and an API for programs, at one
address. What is submitted there is analysed by a worker in the same process: on
one machine that is the whole system.

A server is private: nobody sees anything who has no key (detonaut key create)
and is not let in by an OpenID Connect provider. One that listens on the
loopback prints a link that lets one person in, once. A --public one anybody
reads, and nobody submits to.

Several servers and workers share a database of PostgreSQL. docs/server.md tells
about modes, keys, providers, limits, and proxies with TLS.`,
		Example: `  detonaut serve
  detonaut serve --listen 127.0.0.1:0 --no-worker
  detonaut serve --public --listen :8080 --url https://detonaut.example --database postgres://db/detonaut`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runServe(cmd) },
	}
	addConfigFlags(cmd, "listen", "public", "no-worker", "url", "proxies")
	addConfigFlags(cmd, storeFlags...)
	addConfigFlags(cmd, telemetryFlags...)
	addConfigFlags(cmd, readFlags...)
	addConfigFlags(cmd, "platform", "duration", "jobs", "rules", "rules-only", "rule-packs", "cache", "plain-http", "insecure", "chamber")
	jobs := cmd.Flags().Lookup("jobs")
	jobs.Usage, jobs.DefValue = "`NUMBER` of images to analyse at once, or what worker.concurrency says (default as many as the machine bears)", ""
	return cmd
}

func (a *app) runServe(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	log := a.serverLog(cfg.Telemetry)
	r, err := a.openStore(ctx, cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	o, err := a.serverOptions(cfg, r, log)
	if err != nil {
		return err
	}
	work, done, err := a.beside(ctx, cfg, r, &o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := server.New(o)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Serve.Listen)
	if err != nil {
		return fmt.Errorf("listen at %s: %w", cfg.Serve.Listen, err)
	}
	if err := a.announce(ctx, cfg, r.store, s, l.Addr().String()); err != nil {
		return errors.Join(err, l.Close())
	}
	sender, err := hookSender(cfg, r.store, base(cfg, l.Addr().String()), log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	// When one of them fails, the others end, too.
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.Serve(ctx, l) })
	all.Go(func() error { return work(ctx) })
	all.Go(func() error { return sender.Run(ctx) })
	all.Go(func() error { a.warm(ctx, r.store, log); return nil })
	return all.Wait()
}

// warm has what is searched loaded before the first visitor asks: of a million reports that
// takes seconds.
func (a *app) warm(ctx context.Context, s store.Search, log *slog.Logger) {
	if _, err := s.Numbers(ctx); err != nil && ctx.Err() == nil {
		log.Warn("what is searched could not be loaded yet", "error", err)
	}
}

// serveGrace is for how long what runs goes on when a server is to end. It is not worker.grace: whoever
// ends a server waits for it as for one, half a minute.
const serveGrace = 20 * time.Second

// servedAtOnce is how many images a server analyses at once; 0 is as many as the machine bears. It is the
// first that was set of --jobs, worker.concurrency and scan.jobs.
func servedAtOnce(cfg *config.Loaded) int {
	jobs, other := cfg.Source("scan.jobs"), cfg.Source("worker.concurrency")
	if jobs == "--jobs" || jobs != unset && other == unset {
		return cfg.Scan.Jobs
	}
	return cfg.Worker.Images()
}

// unset is the source of what nobody has set.
const unset = "default"

// beside is what works beside the server; it only watches where jobs are another's. Whoever ran
// it calls done.
func (a *app) beside(ctx context.Context, cfg *config.Loaded, r *remembered, o *server.Options) (work func(context.Context) error, done func() error, err error) {
	if cfg.Serve.Public || cfg.Serve.NoWorker {
		watch, done, err := a.telemetry(ctx, cfg, r, nil, o.Log)
		if err != nil {
			return nil, nil, err
		}
		o.Observe = watch.Request
		return func(context.Context) error { return nil }, done, nil
	}
	c, watch, done, err := a.crew(ctx, cfg, r, crewOptions{images: servedAtOnce(cfg), grace: serveGrace, log: o.Log})
	if err != nil {
		return nil, nil, fmt.Errorf("start worker: %w", err)
	}
	o.Submitted, o.Observe = c.worker.Wake, watch.Request
	return c.run, done, nil
}

// serverOptions are those of a configuration.
func (a *app) serverOptions(cfg *config.Loaded, r *remembered, log *slog.Logger) (server.Options, error) {
	c := cfg.Serve
	o := server.Options{
		Store: r.store, Blobs: r.blobs, Public: c.Public, URL: c.Base(), Hosts: c.Hosts, Session: c.Session,
		Limits: guard.Limits{
			Address: guard.Rate{Minute: c.Limits.Address, Burst: c.Limits.AddressBurst},
			Key:     guard.Rate{Minute: c.Limits.Key, Burst: c.Limits.KeyBurst},
			Wait:    c.Limits.Wait,
		},
		Pending: c.Limits.Pending, Version: version.String(), Log: log,
		Site: server.Site{Docs: docs.Files(), Contact: c.Contact},
	}
	if !c.Public {
		o.Ref = submittable
	}
	if len(o.Hosts) == 0 && o.URL == nil {
		o.Hosts = server.Loopback(c.Listen)
	}
	var err error
	if o.Proxies, err = c.Networks(); err != nil {
		return o, err
	}
	file, err := c.SecretFile(a.env)
	if err != nil {
		return o, err
	}
	if o.Secret, err = madeOnce(file, guard.SessionSecret); err != nil {
		return o, fmt.Errorf("read secret of sessions: %w", err)
	}
	if o.Provider, err = provider(c); err != nil {
		return o, err
	}
	o.Site.Rules, err = a.shownRules(cfg.Rules)
	return o, err
}

// maxClientSecret bounds the file of one, in bytes.
const maxClientSecret = 4096

// provider is that of a configuration; nil if it has none.
func provider(c config.Serve) (*person.Provider, error) {
	if c.OIDC.Issuer == "" {
		return nil, nil
	}
	p := &person.Provider{
		Issuer: c.OIDC.Issuer, Name: c.OIDC.Name, ID: c.OIDC.ClientID, Callback: strings.TrimSuffix(c.URL, "/") + person.CallbackPath,
		Rights: map[store.Scope][]string{
			store.ScopeRead: c.OIDC.Read, store.ScopeSubmit: c.OIDC.Submit, store.ScopeDownload: c.OIDC.Download, store.ScopeAdmin: c.OIDC.Admin,
		},
	}
	if c.OIDC.SecretFile != "" {
		b, err := os.ReadFile(c.OIDC.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("read client secret: %w", err)
		}
		if len(b) > maxClientSecret {
			return nil, fmt.Errorf("read client secret: %w: %s has more than %d bytes", detonaut.ErrUsage, c.OIDC.SecretFile, maxClientSecret)
		}
		p.Secret = strings.TrimSpace(string(b))
	}
	return p, nil
}

// base is where people reach the server, without a slash at its end.
func base(cfg *config.Loaded, address string) string {
	if cfg.Serve.URL != "" {
		return strings.TrimSuffix(cfg.Serve.URL, "/")
	}
	return (&url.URL{Scheme: "http", Host: address}).String()
}

// announce says where the server is, and how to get in.
func (a *app) announce(ctx context.Context, cfg *config.Loaded, keys store.Access, s *server.Server, address string) error {
	at := base(cfg, address)
	fmt.Fprintf(a.stdout, "serving %s/\n", at)
	if cfg.Serve.Public {
		return nil
	}
	loopback := len(server.Loopback(address)) > 0
	if loopback && cfg.Serve.URL == "" {
		fmt.Fprintf(a.stdout, "sign in once with %s%s\n", at, s.Link())
	}
	if !loopback && !strings.HasPrefix(at, "https://") {
		fmt.Fprintln(a.stderr, "detonaut: warning: keys and sessions pass the network in clear: put a proxy with TLS before the server, and set serve.url")
	}
	if cfg.Serve.OIDC.Issuer != "" || loopback && cfg.Serve.URL == "" {
		return nil
	}
	all, err := keys.Keys(ctx)
	if err != nil {
		return fmt.Errorf("look for keys: %w", err)
	}
	for _, k := range all {
		if live(k, time.Now()) {
			return nil
		}
	}
	fmt.Fprintln(a.stderr, "detonaut: warning: there is no key, so nobody can sign in: make one with detonaut key create")
	return nil
}

// hookSender sends webhooks.
func hookSender(cfg *config.Loaded, hooks store.Hooks, at string, log *slog.Logger) (*hook.Sender, error) {
	policy, err := reach.New(reach.Options{Allow: cfg.Guests.Receivers})
	if err != nil {
		return nil, err
	}
	return hook.New(hook.Options{
		Store: hooks, Reach: policy, Log: log,
		Permalink: func(s store.Summary) string { return at + page.ReportPath(s.Digest, s.Key) },
	}), nil
}
