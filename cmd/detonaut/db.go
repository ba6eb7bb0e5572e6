package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/malicious"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
)

func (a *app) db() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Get and look after the database of known vulnerabilities",
		Long: `Known vulnerabilities are looked up in a database on this machine, of Grype's
format v6. Nothing is downloaded but by db update. The database that was used
before is kept, and a new one is used only when it is whole.`,
		Example: `  detonaut db update
  detonaut db status
  detonaut db import vulnerability-db.tar.zst`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.dbUpdate(), a.dbStatus(), a.dbImport(), a.dbList())
	return cmd
}

// databases are those of a configuration. The caller calls done in the end.
func (a *app) databases(c config.Vulnerabilities) (store *vulndb.Store, done func(), err error) {
	screen := newConsole(a.stderr, a.quiet, 1)
	line := screen.begin("vulnerability database")
	store, err = vulndb.New(vulndb.Options{
		Dir: c.Dir, URL: c.URL, Mirrors: c.Mirrors, Agent: "detonaut/" + version.String(), Progress: line.database,
		MaxCompressed: int64(c.MaxCompressed), MaxUncompressed: int64(c.MaxUncompressed),
	})
	return store, func() {
		line.end()
		screen.close()
	}, err
}

// withDatabases looks at those of the configuration, and changes nothing.
func (a *app) withDatabases(cmd *cobra.Command, look func(*vulndb.Store, config.Vulnerabilities) error) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	store, done, err := a.databases(cfg.Vulnerabilities)
	defer done()
	if err != nil {
		return err
	}
	return look(store, cfg.Vulnerabilities)
}

// databaseState is what is told of the database in use.
type databaseState struct {
	vulndb.Entry
	// Age is how long ago it was built, in seconds.
	Age int64 `json:"age_seconds"`
	// Old is set when it is older than vulnerabilities.max_age.
	Old bool `json:"old"`
	// Malicious are the imported records of malicious packages; nil if there are none.
	Malicious *recordsState `json:"malicious_packages,omitempty"`
	// Updated tells whether it has just been taken into use; nil if nobody asked for
	// that.
	Updated *bool `json:"updated,omitempty"`
}

// recordsState is what is told of imported records of malicious packages.
type recordsState struct {
	Records int       `json:"records"`
	Newest  time.Time `json:"newest,omitzero"`
	// Problem says why they cannot be used.
	Problem string `json:"problem,omitempty"`
}

// stateOfRecords looks at those of a directory; nil if there are none.
func stateOfRecords(dir string) *recordsState {
	list, err := malicious.Open(dir)
	switch {
	case errors.Is(err, detonaut.ErrNotFound):
		return nil
	case err != nil:
		return &recordsState{Problem: err.Error()}
	}
	defer func() { _ = list.Close() }() // it was only read
	return &recordsState{Records: list.Len(), Newest: list.Newest()}
}

func (s *recordsState) String() string {
	switch {
	case s == nil:
		return ""
	case s.Problem != "":
		return "cannot be used: " + s.Problem
	default:
		return fmt.Sprintf("%d malicious packages, the newest of %s", s.Records, s.Newest.Format(time.DateOnly))
	}
}

func stateOf(e vulndb.Entry, c config.Vulnerabilities) databaseState {
	age := time.Since(e.Built)
	return databaseState{Entry: e, Age: int64(age.Seconds()), Old: e.Problem == "" && age > c.MaxAge}
}

// print tells it in words.
func (s databaseState) print(w io.Writer) {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%-9s %s\n", name, report.Escape(text))
		}
	}
	if !s.Built.IsZero() {
		line("format", s.Schema)
		line("built", ago(s.Built, s.Age))
		line("digest", string(s.Digest))
	}
	line("source", s.Source)
	if !s.Imported.IsZero() {
		line("imported", s.Imported.Format(time.RFC3339))
	}
	line("path", s.Path)
	line("size", fmt.Sprintf("%.1f MB", float64(s.Size)/1e6))
	switch {
	case s.Problem != "":
		line("state", "cannot be used: "+s.Problem)
	case s.Old:
		line("state", "old: run detonaut db update")
	default:
		line("state", "sound")
	}
	line("records", s.Malicious.String())
}

func ago(at time.Time, seconds int64) string {
	unit, n := "hours", seconds/3600
	if n >= 48 {
		unit, n = "days", n/24
	}
	return fmt.Sprintf("%s, %d %s ago", at.Format(time.RFC3339), n, unit)
}

func (a *app) dbUpdate() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Download the newest database, if it is newer",
		Long: `Update asks where databases are published (vulnerabilities.url, then its
mirrors) for the newest one, and downloads it if it is newer than the one in
use. A download that was cut goes on where it ended. What arrives is held to
the digest that the publisher tells, unpacked, indexed and checked, and only
then used. HTTPS_PROXY and NO_PROXY are honoured.`,
		Example: `  detonaut db update
  detonaut db update --db-url https://mirror.example.com/grype -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.changeDatabase(cmd, format, func(s *vulndb.Store) (bool, error) { return s.Update(cmd.Context()) })
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, "db-dir", "db-url", "db-mirrors")
	return cmd
}

func (a *app) dbImport() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Use a database from a file",
		Long: `Import takes a database from a file: an archive as it is published (.tar.zst,
.tar.gz, .tar.xz or .tar), vulnerability.db itself, or the folder in which that
is. It is indexed, checked and used, even if it is older than the one before it:
with a folder that db list shows you go back to that one. No network is needed.

A file, zip or folder of OSV's records of malicious packages (MAL-*.json; the
all.zip of an ecosystem) goes beside the database: of each ecosystem in it the
records before are replaced.`,
		Example: `  detonaut db import vulnerability-db_v6.1.10.tar.zst
  detonaut db import vulnerability.db --db-dir /srv/vulnerabilities
  detonaut db import npm/all.zip`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: db import takes one file, not %d", detonaut.ErrUsage, len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if malicious.IsRecords(args[0]) {
				return a.importRecords(cmd, args[0], format)
			}
			return a.changeDatabase(cmd, format, func(s *vulndb.Store) (bool, error) { return true, s.Import(cmd.Context(), args[0]) })
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, "db-dir")
	return cmd
}

// importRecords imports records of malicious packages, and tells what is there then.
func (a *app) importRecords(cmd *cobra.Command, file, format string) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	dir, err := vulnerabilitiesDir(cfg.Vulnerabilities)
	if err != nil {
		return err
	}
	done, err := malicious.Import(cmd.Context(), file, dir)
	if err != nil {
		return err
	}
	for _, problem := range done.Problems {
		fmt.Fprintf(a.stderr, "detonaut: warning: not imported: %s\n", report.Escape(problem))
	}
	return a.printResult(format, done, func(w io.Writer) {
		fmt.Fprintf(w, "%d records of malicious packages, the newest of %s\n", done.Records, done.Newest.Format(time.DateOnly))
	})
}

// changeDatabase changes something and tells what is used then.
func (a *app) changeDatabase(cmd *cobra.Command, format string, change func(*vulndb.Store) (bool, error)) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	store, done, err := a.databases(cfg.Vulnerabilities)
	if err == nil {
		var updated bool
		if updated, err = change(store); err == nil {
			done()
			return a.showDatabase(cmd, store, cfg.Vulnerabilities, format, &updated)
		}
	}
	done()
	return err
}

func (a *app) showDatabase(cmd *cobra.Command, store *vulndb.Store, c config.Vulnerabilities, format string, updated *bool) error {
	e, err := store.Status(cmd.Context())
	if err != nil {
		return err
	}
	state := stateOf(e, c)
	state.Malicious, state.Updated = stateOfRecords(store.Dir()), updated
	err = a.printResult(format, state, func(w io.Writer) {
		if updated != nil && !*updated {
			fmt.Fprintln(w, "There is no newer one.")
		}
		state.print(w)
	})
	if err != nil {
		return err
	}
	if state.Problem != "" || state.Malicious != nil && state.Malicious.Problem != "" {
		return exitCode(exitError)
	}
	return nil
}

func (a *app) dbStatus() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell which database is used, how old it is, and whether it is sound",
		Long: `Status reads the database that scans use, and tells what it is and how old. One
that is older than vulnerabilities.max_age is used all the same, and reports say
so. Imported records of malicious packages are counted. The exit code is 1 when
there is no database, or it or the records are damaged.`,
		Example: `  detonaut db status
  detonaut db status -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDatabases(cmd, func(store *vulndb.Store, c config.Vulnerabilities) error {
				return a.showDatabase(cmd, store, c, format, nil)
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, "db-dir")
	return cmd
}

func (a *app) dbList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the databases that are there",
		Long: `List shows the databases that are kept: the one in use, with a star, and the one
before it. To go back to that, import its folder.`,
		Example: `  detonaut db list
  detonaut db list -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDatabases(cmd, func(store *vulndb.Store, _ config.Vulnerabilities) error {
				all, err := store.List()
				if err != nil {
					return err
				}
				return a.printResult(format, all, func(w io.Writer) { listDatabases(w, all) })
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, "db-dir")
	return cmd
}

func listDatabases(w io.Writer, all []vulndb.Entry) {
	for _, e := range all {
		star := " "
		if e.Used {
			star = "*"
		}
		text := e.Path
		if e.Problem != "" {
			text += ": " + e.Problem
		}
		fmt.Fprintf(w, "%s %-20s  %-8s  %9.1f MB  %s\n", star, e.Built.Format(time.RFC3339), e.Schema, float64(e.Size)/1e6, report.Escape(text))
	}
	if len(all) == 0 {
		fmt.Fprintln(w, vuln.ErrNone)
	}
}
