package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
)

// app is one call of the program: what it reads and writes, and the flags that
// every command has.
type app struct {
	env            config.Env
	stdin          io.Reader
	stdout, stderr io.Writer

	configFile string
	quiet      bool
	debug      bool
}

// run is the whole program: it returns the exit code. Results go to stdout,
// everything else to stderr. It needs no process of its own.
func run(ctx context.Context, args []string, env config.Env, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return a.exit(root.ExecuteContext(ctx))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "detonaut",
		Short: "See what a container image does when it runs",
		Long: `Detonaut runs a container image in a sandbox that it cannot leave, records
everything it does, and says what it thinks of it and why.`,
		Example: `  detonaut scan nginx:latest
  detonaut scan --list images.txt -o jsonl=reports.jsonl --fail-on unwanted
  detonaut doctor`,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		// Without a command there is nothing to do but to help.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("; did you mean %q?", near[0])
			}
			return fmt.Errorf("%w: unknown command %q%s", detonaut.ErrUsage, args[0], hint)
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w", detonaut.ErrUsage, err)
	})
	f := root.PersistentFlags()
	f.StringVar(&a.configFile, "config", "", "configuration `FILE` (default $XDG_CONFIG_HOME/detonaut/config.yaml)")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no notices on stderr, errors only")
	f.BoolVar(&a.debug, "debug", false, "log what happens inside to stderr")
	root.AddCommand(a.scan(), a.static(), a.replay(), a.explain(), a.serve(), a.workerCommand(), a.survey(), a.queue(), a.key(), a.storeCommand(), a.rules(), a.db(), a.doctor(), a.health(), a.config(), a.version(), a.completion())
	return root
}

// log is where packages log to: nowhere without --debug.
func (a *app) log() *slog.Logger {
	if !a.debug {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// load reads the configuration, flags last. The flags of cmd that are
// configuration are those of [configFlags].
func (a *app) load(cmd *cobra.Command) (*config.Loaded, error) {
	cfg, err := config.Load(a.configFile, a.env)
	if err != nil {
		return nil, err
	}
	for _, cf := range configFlags {
		f := cmd.Flags().Lookup(cf.name)
		if f == nil || !f.Changed {
			continue
		}
		if err := cfg.Set(cf.key, f.Value.String(), "--"+cf.name); err != nil {
			return nil, err
		}
	}
	return cfg, cfg.Validate()
}

// A configFlag is a flag that sets a key of the configuration.
type configFlag struct{ name, key, usage string }

var configFlags = []configFlag{
	{"platform", "image.platform", "`OS/ARCH[/VARIANT]` of the image to pull"},
	{"cache", "image.cache", "`DIR` of pulled images"},
	{"ignore", "static.ignore", "`FILES` (file,...) that say what does not count (default .detonaut-ignore.yaml, if it is there)"},
	{"vex", "static.vex", "`FILES` (file,...) of OpenVEX, CSAF or CycloneDX VEX"},
	{"all-layers", "static.all_layers", "list packages of lower layers, too, that upper ones removed"},
	{"memory-size", "static.memory", "`SIZE` of what is remembered of the files of earlier images; 0 remembers nothing"},
	{"plain-http", "image.plain_http", "`REGISTRIES` (host:port,...) to be spoken to without TLS"},
	{"insecure", "image.insecure", "`REGISTRIES` whose certificate is not checked"},
	{"chamber", "chamber", "`PATH` of detonaut-chamber"},
	{"rules", "rules.dirs", "`DIRS` (dir,...) of rules to use beside those built in"},
	{"rules-only", "rules.only", "leave out the rules that are built in, and those of installed packs"},
	{"rule-packs", "rules.packs", "`DIR` of installed packs of rules"},
	{"key", "rules.keys", "`FILES` (file,...) with the public keys (PEM, Ed25519) of whose packs are taken"},
	{"profile", "run.profile", "`KIND` of run: default, or time, which moves the clocks of an image on whenever it only waits"},
	{"stay", "run.stay", "go on to the end of --duration even when nothing can happen any more"},
	{"no-baits", "run.no_baits", "plant no credentials in files and variables"},
	{"travel-days", "run.travel.days", "`NUMBER` of days that the profile time may leave out"},
	{"travel-jumps", "run.travel.jumps", "`NUMBER` of steps in which it may do so"},
	{"detail", "run.detail", "`DETAIL` of the tape: normal, or full with every read, write and thread"},
	{"duration", "run.duration", "longest `TIME` that an image may run, such as 30s"},
	{"memory", "run.memory", "most memory an image may use, as a `SIZE` such as 1GiB"},
	{"processes", "run.processes", "most threads of all processes at once, a `NUMBER`"},
	{"file-size", "run.file_size", "`SIZE` to which one file may grow"},
	{"disk", "run.disk", "`SIZE` of all that may be written over the image"},
	{"max-output", "run.output", "`SIZE` of stdout and stderr that is kept"},
	{"max-events", "run.events", "`NUMBER` of events at which a run is ended"},
	{"network", "run.network", ""}, // these two are made by addNetworkFlags
	{"allow", "run.live.allow", ""},
	{"answers", "run.answers", "`FILE` of canned answers to HTTP requests, in YAML"},
	{"db-dir", "vulnerabilities.dir", "`DIR` of vulnerability databases"},
	{"db-url", "vulnerabilities.url", "`URL` where vulnerability databases are published"},
	{"db-mirrors", "vulnerabilities.mirrors", "`URLS` (url,...) that are tried after --db-url"},
	{"yara-rules", "yara.rules", "`DIRS` (dir,...) of YARA rules that files are read by, with yr or yara"},
	{"clamd", "clamav.address", "`ADDRESS` of the clamd that files are given to: unix:PATH or tcp:HOST:PORT"},
	{"model", "static.model", "`FILE` with a model of LightGBM that judges programs (docs/scoring.md)"},
	{"database", "store.database", "`FILE` of SQLite or URL of PostgreSQL in which reports are remembered"},
	{"blobs", "store.blobs", "`DIR` or URL (s3://...) of the artifacts of their runs"},
	{"listen", "serve.listen", "`HOST:PORT` to listen at; port 0 is any that is free"},
	{"public", "serve.public", "let anybody read, and nobody submit"},
	{"no-worker", "serve.no_worker", "leave what is submitted to workers of other processes"},
	{"url", "serve.url", "`URL` at which people reach the server"},
	{"proxies", "serve.proxies", "`NETWORKS` (address or network,...) of proxies whose X-Forwarded-For is believed"},
	{"metrics", "telemetry.listen", "`HOST:PORT` of /metrics, /healthz and /readyz for those who operate it (default none)"},
	{"log-format", "telemetry.log_format", "`FORMAT` of the log: text or json (default text on a terminal, json elsewhere)"},
	{"jobs", "scan.jobs", "`NUMBER` of images to analyse at once"},
	{"concurrency", "worker.concurrency", "`NUMBER` of images to analyse at once, or auto: as many as the machine bears"},
	{"grace", "worker.grace", "`TIME` for which what runs may go on when a worker is to end"},
}

// addConfigFlags gives cmd those flags of configFlags that are named. Their
// defaults are those of [config.Default].
func addConfigFlags(cmd *cobra.Command, names ...string) {
	defaults := config.Defaults()
	for _, name := range names {
		for _, cf := range configFlags {
			switch text := defaults.Text(cf.key); {
			case cf.name != name:
			case text == "false": // what may be switched on needs no value
				cmd.Flags().Bool(cf.name, false, cf.usage)
			default:
				cmd.Flags().String(cf.name, text, cf.usage)
			}
		}
	}
}

// color reports whether w takes colours: it is a terminal, and nobody said no
// (https://no-color.org).
func (a *app) color(w io.Writer) bool {
	return isTerminal(w) && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// noArgs refuses arguments, with the error of a usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: %s takes no arguments, not %q", detonaut.ErrUsage, cmd.CommandPath(), args[0])
	}
	return nil
}
