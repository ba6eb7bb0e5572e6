package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

func (a *app) key() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make, list and revoke the keys of a server",
		Long: `A key lets a program, or a person who signs in with it, do what its scopes say:

  read      see reports
  submit    see reports, submit images, and tell surveys of pushes
  download  see reports, and have payloads, bodies and packets: they may be malware
  admin     all of that, and keys, hooks, surveys, the queue and the log

Its secret begins with dtn_ and is shown once, when it is made: the store has a
hash of it.`,
		Example: `  detonaut key create ci --scopes submit --expires 2160h
  detonaut key list
  detonaut key revoke key-q2wzr5kq7c3mz4ba`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keyCreate(), a.keyList(), a.keyRevoke())
	return cmd
}

// withKeys opens the store of a command that is about keys.
func (a *app) withKeys(cmd *cobra.Command, do func(store.Access) error) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	r, err := a.openStore(cmd.Context(), cfg.Store)
	if err != nil {
		return err
	}
	return errors.Join(do(r.store), r.close())
}

// noteKey adds to the log of who did what.
func noteKey(cmd *cobra.Command, keys store.Access, what, about string) error {
	return keys.Note(cmd.Context(), store.Deed{At: time.Now().UTC(), Who: "operator", What: what, About: about})
}

func (a *app) keyCreate() *cobra.Command {
	var scopes string
	var expires time.Duration
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a key, and show its secret once",
		Long: `Create makes a key and prints its secret. Nothing else is on standard output, so
that it can go where it is needed without being seen.`,
		Example: `  detonaut key create ann --scopes admin
  detonaut key create ci --scopes submit --expires 2160h > ci.key`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: a key has one name, not %d", detonaut.ErrUsage, len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			k, secret, err := guard.NewKey(args[0], scopesOf(scopes), expires, time.Now())
			if err != nil {
				return fmt.Errorf("%w: %w", detonaut.ErrUsage, err)
			}
			err = a.withKeys(cmd, func(keys store.Access) error {
				if err := noteKey(cmd, keys, "create-key", k.ID); err != nil {
					return err
				}
				return keys.AddKey(cmd.Context(), k)
			})
			if err != nil {
				return err
			}
			if !a.quiet {
				fmt.Fprintf(a.stderr, "detonaut: %s, %s: this is shown once\n", k.ID, ends(k))
			}
			_, err = fmt.Fprintln(a.stdout, secret)
			return err
		},
	}
	cmd.Flags().StringVar(&scopes, "scopes", string(store.ScopeRead), "`SCOPES` (scope,...) that it has: read, submit, download, admin")
	cmd.Flags().DurationVar(&expires, "expires", 365*24*time.Hour, "`TIME` that it is good for; 0 is without an end")
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// scopesOf are those of a list.
func scopesOf(list string) (scopes []store.Scope) {
	for s := range strings.SplitSeq(list, ",") {
		scopes = append(scopes, store.Scope(strings.TrimSpace(s)))
	}
	return scopes
}

// live tells whether a key is good for anything.
func live(k store.APIKey, now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// ends says until when a key is good.
func ends(k store.APIKey) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked " + k.Revoked.UTC().Format(time.DateOnly)
	case k.Expires.IsZero():
		return "without an end"
	}
	return "until " + k.Expires.UTC().Format(time.DateOnly)
}

func (a *app) keyList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List keys",
		Long:  `List shows all keys, also those that were revoked, without their secrets.`,
		Example: `  detonaut key list
  detonaut key list -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withKeys(cmd, func(keys store.Access) error {
				all, err := keys.Keys(cmd.Context())
				if err != nil {
					return err
				}
				if all == nil {
					all = []store.APIKey{}
				}
				return a.printResult(format, all, func(w io.Writer) {
					for _, k := range all {
						names := make([]string, 0, len(k.Scopes))
						for _, s := range k.Scopes {
							names = append(names, string(s))
						}
						fmt.Fprintf(w, "%s  %-24s  %-24s  %s\n", k.ID, strings.Join(names, ","), ends(k), report.Escape(k.Name))
					}
				})
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

func (a *app) keyRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "revoke ID",
		Short:   "Revoke a key",
		Long:    `Revoke makes a key good for nothing, at once, and ends the sessions that began with it.`,
		Example: `  detonaut key revoke key-q2wzr5kq7c3mz4ba`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: revoke takes the id of one key, not %d", detonaut.ErrUsage, len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd, func(keys store.Access) error {
				if err := noteKey(cmd, keys, "revoke-key", args[0]); err != nil {
					return err
				}
				err := keys.RevokeKey(cmd.Context(), args[0])
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("revoke key %s: %w", args[0], detonaut.ErrNotFound)
				}
				return err
			})
		},
	}
	addConfigFlags(cmd, storeFlags...)
	return cmd
}
