package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/store/upkeep"
)

// remembered is a store that is open, with its blobs.
type remembered struct {
	store store.Store
	blobs *blob.Blobs
}

func (r *remembered) close() error { return errors.Join(r.store.Close(), r.blobs.Close()) }

// openStore opens the store of a configuration. The caller closes it.
func (a *app) openStore(ctx context.Context, c config.Store) (_ *remembered, err error) {
	database, place, err := c.Places(a.env)
	if err != nil {
		return nil, err
	}
	r := &remembered{}
	if r.blobs, err = blob.Open(ctx, place); err != nil {
		return nil, err
	}
	if c.Postgres() {
		r.store, err = postgres.Open(ctx, database, store.Options{})
	} else {
		r.store, err = sqlite.Open(ctx, database, store.Options{})
	}
	if err != nil {
		return nil, errors.Join(err, r.blobs.Close())
	}
	return r, nil
}

// storeFlags are the flags of commands that use a store.
var storeFlags = []string{"database", "blobs"}

func (a *app) storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after what is remembered: export, import, collect garbage, check",
		Long: `The store is a database of reports (a file of SQLite, or PostgreSQL), and beside
it the artifacts of their runs as blobs (a directory, or a bucket of S3). These
commands may be used while a server or workers do.`,
		Example: `  detonaut store check
  detonaut store export store.tar.zst
  detonaut store gc --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.storeExport(), a.storeImport(), a.storeGC(), a.storeCheck(), a.storeMigrate())
	return cmd
}

// withStore opens the store of a command and looks after it. What is wrong with single
// things goes to stderr as it is found. Only import and migrate make a store where there is none.
func (a *app) withStore(cmd *cobra.Command, look func(upkeep.Home) error) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	if database, _, err := cfg.Store.Places(a.env); err == nil && !cfg.Store.Postgres() && cmd.Name() != "import" && cmd.Name() != "migrate" {
		if _, err := os.Stat(database); err != nil {
			return fmt.Errorf("open store: %w: %w", detonaut.ErrNotFound, err)
		}
	}
	r, err := a.openStore(cmd.Context(), cfg.Store)
	if err != nil {
		return err
	}
	tell := func(problem string) { fmt.Fprintf(a.stderr, "detonaut: problem: %s\n", report.Escape(problem)) }
	return errors.Join(look(upkeep.Home{Store: r.store, Blobs: r.blobs, Tell: tell}), r.close())
}

// problems is the exit code of a command that found so many.
func problems(n int) error {
	if n > 0 {
		return exitCode(exitError)
	}
	return nil
}

// oneFile takes the one argument of a command that needs a file.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: store %s takes one file, not %d", detonaut.ErrUsage, cmd.Name(), len(args))
	}
	return nil
}

func (a *app) storeExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write all reports with their artifacts to a file",
		Long: `Export writes every report, its artifacts, and what is known of its repository to
a tar that is compressed with zstd; - is standard output. The file has its name
when it is whole. Keys, submissions and the log of who did what stay: they are
of this server. The exit code is 1 when something could not be exported.`,
		Example: `  detonaut store export store.tar.zst
  detonaut store export - | ssh backup 'cat > store.tar.zst'`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStore(cmd, func(h upkeep.Home) error {
				var m upkeep.Moved
				write := func(w io.Writer) (err error) {
					m, err = h.Export(cmd.Context(), w)
					return err
				}
				var err error
				if args[0] == "-" {
					err = write(a.stdout)
				} else {
					err = writeWhole(args[0], write)
				}
				if err != nil {
					return err
				}
				a.notice("exported %d reports, %d blobs, %d repositories", m.Reports, m.Blobs, m.Repositories)
				return problems(m.Problems)
			})
		},
	}
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// notice tells on stderr what was done, as results may be on stdout.
func (a *app) notice(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, "detonaut: "+format+"\n", args...)
	}
}

func (a *app) storeImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take reports with their artifacts from a file",
		Long: `Import takes what store export wrote; - is standard input. What is there already
stays as it is: an import may be done again, or gone on with when it was
interrupted. Of two reports of one digest and fingerprint the later analysis
stays. The exit code is 1 when something in the file is not what it says.`,
		Example: `  detonaut store import store.tar.zst
  detonaut store import store.tar.zst --database postgres://detonaut@db/detonaut`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in := a.stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("open archive: %w", err)
				}
				defer func() { _ = f.Close() }() // it was only read
				in = f
			}
			return a.withStore(cmd, func(h upkeep.Home) error {
				m, err := h.Import(cmd.Context(), in)
				a.notice("imported %d reports, %d blobs, %d repositories; %d were there", m.Reports, m.Blobs, m.Repositories, m.There)
				if err != nil {
					return err
				}
				return problems(m.Problems)
			})
		},
	}
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// defaultKeep is how long submissions are kept that ended.
const defaultKeep = 90 * 24 * time.Hour

func (a *app) storeGC() *cobra.Command {
	var format string
	var r upkeep.Retention
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Forget what is too old, and artifacts that no report names",
		Long: `Gc forgets submissions that ended longer ago than --keep, what was told of them,
and the log of who did what from before; reports only if --keep-reports says how
long they are kept; and artifacts that no report names. Artifacts of the last
day stay: the report that names them may still be on its way.`,
		Example: `  detonaut store gc --dry-run
  detonaut store gc --keep 720h --keep-reports 8760h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Keep <= 0 || r.Reports < 0 {
				return fmt.Errorf("%w: --keep must be greater than 0, and --keep-reports not less", detonaut.ErrUsage)
			}
			return a.withStore(cmd, func(h upkeep.Home) error {
				c, err := h.Collect(cmd.Context(), r)
				if err != nil {
					return err
				}
				return a.printResult(format, c, func(w io.Writer) { printCollected(w, c, r.Dry) })
			})
		},
	}
	cmd.Flags().DurationVar(&r.Keep, "keep", defaultKeep, "`TIME` for which submissions, their progress and the log are kept")
	cmd.Flags().DurationVar(&r.Reports, "keep-reports", 0, "`TIME` for which reports are kept; 0 is for ever")
	cmd.Flags().BoolVar(&r.Dry, "dry-run", false, "only count what would be forgotten")
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

func printCollected(w io.Writer, c upkeep.Collected, dry bool) {
	fmt.Fprintf(w, "%-12s %d\n", "reports", c.Reports)
	fmt.Fprintf(w, "%-12s %d, with %d lines of progress\n", "submissions", c.Submissions, c.Progress)
	fmt.Fprintf(w, "%-12s %d\n", "log", c.Deeds)
	fmt.Fprintf(w, "%-12s %d, %.1f MB\n", "artifacts", c.Blobs, float64(c.Bytes)/1e6)
	fmt.Fprintf(w, "%-12s %d\n", "leftovers", c.Leftovers)
	if dry {
		fmt.Fprintln(w, "Nothing was forgotten: this is what would be.")
	}
}

func (a *app) storeCheck() *cobra.Command {
	var format string
	var quick bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "See whether all that is remembered is as it was put",
		Long: `Check reads every report and every artifact that one names, and tells on standard
error what is wrong: a report that cannot be read, or is found by other facts
than it has; an artifact that is missing, or not what it was. Nothing is changed.
The exit code is 1 when something is wrong.`,
		Example: `  detonaut store check
  detonaut store check --quick -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd, func(h upkeep.Home) error {
				c, err := h.Check(cmd.Context(), quick)
				if err != nil {
					return err
				}
				err = a.printResult(format, c, func(w io.Writer) {
					fmt.Fprintf(w, "%d reports, %d artifacts, %.1f MB read, %d problems\n", c.Reports, c.Blobs, float64(c.Bytes)/1e6, c.Problems)
				})
				if err != nil {
					return err
				}
				return problems(c.Problems)
			})
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "only see whether artifacts are there, and do not read them")
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

func (a *app) storeMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make the tables of the database, or bring them up to date",
		Long: `Migrate makes the database what this version needs, and does nothing else. Every
command that opens a store does that first; migrate is for those who want it
done once, before the servers and workers of a new version are started. What
others migrate at the same time is waited for.`,
		Example: `  detonaut store migrate
  detonaut store migrate --database postgres://db/detonaut`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd, func(upkeep.Home) error {
				if !a.quiet {
					fmt.Fprintln(a.stderr, "detonaut: the database is up to date")
				}
				return nil
			})
		},
	}
	addConfigFlags(cmd, storeFlags...)
	return cmd
}
