package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/rulepack"
)

// updateFlags are the flags of rules update that are no configuration.
type updateFlags struct {
	force, unsigned, plainHTTP bool
	format                     string
}

func (a *app) rulesUpdate() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update [SOURCE...]",
		Short: "Get packs of rules and use them, if they are newer",
		Long: `Update gets a pack of rules from a SOURCE, which is a URL of https, a file, or a
folder in which a pack is unpacked, and has it used beside the rules that are
built in. Without a SOURCE it gets what is installed anew from where that came
from by a URL.

A pack must be signed by one of the keys of --key (or rules.keys); --unsigned
takes a local one without. Its version must be newer than the one installed, or
--force given. Each file is held to its hash, all rules are loaded and held to
their examples, and only then is the pack used: whatever fails, the one before
stays. A download that was cut goes on where it ended, and what has not changed
is not downloaded. HTTPS_PROXY and NO_PROXY are honoured.`,
		Example: `  detonaut rules update https://rules.example.com/ours.tar.gz --key ours.pub.pem
  detonaut rules update ./ours-1.2.0.tar.gz --key ours.pub.pem
  detonaut rules update`,
		RunE: func(cmd *cobra.Command, sources []string) error { return a.runUpdate(cmd, sources, f) },
	}
	textOrJSON(cmd, &f.format)
	cmd.Flags().BoolVar(&f.force, "force", false, "take a pack that is older than the one installed")
	cmd.Flags().BoolVar(&f.unsigned, "unsigned", false, "take a pack from a file or folder whoever signed it, or nobody")
	cmd.Flags().BoolVar(&f.plainHTTP, "plain-http", false, "allow URLs of http to other machines")
	addConfigFlags(cmd, "key", "rule-packs")
	return cmd
}

// updated is what is told of one source.
type updated struct {
	rulepack.Entry
	// Updated is false when the same was used before.
	Updated bool `json:"updated"`
}

func (a *app) runUpdate(cmd *cobra.Command, sources []string, f updateFlags) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	store, err := a.updateStore(cfg.Rules, f)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		if sources, err = a.served(store); err != nil {
			return err
		}
	}
	all := []updated{}
	var errs []error
	for _, source := range sources {
		e, new, err := store.Update(cmd.Context(), source)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, updated{e, new})
	}
	if len(all) > 0 || len(errs) == 0 {
		errs = append(errs, a.printResult(f.format, all, func(w io.Writer) {
			for _, u := range all {
				text := fmt.Sprintf("pack %s %s, %d rules: ", u.Name, u.Version, u.Rules)
				if u.Updated {
					text += "installed from " + u.Source
				} else {
					text += "nothing new at " + u.Source
				}
				fmt.Fprintln(w, report.Escape(text))
			}
		}))
	}
	return errors.Join(errs...)
}

// served are the URLs from which packs were installed.
func (a *app) served(store *rulepack.Store) (sources []string, err error) {
	all, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		switch u, err := url.Parse(one.Source); {
		case err != nil || u.Host == "":
		case u.User != nil:
			a.tell("pack " + one.Name + " came from a URL with a password, which is not kept: name it")
		default:
			sources = append(sources, one.Source)
		}
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%w: no installed pack came from a URL: name a source", detonaut.ErrUsage)
	}
	return sources, nil
}

// updateStore is a store that takes packs.
func (a *app) updateStore(c config.Rules, f updateFlags) (*rulepack.Store, error) {
	trust := rulepack.Trust{Unsigned: f.unsigned}
	for _, name := range c.Keys {
		key, err := rulepack.ReadPublicKey(name)
		if err != nil {
			return nil, err
		}
		trust.Keys = append(trust.Keys, key)
	}
	return a.packStore(c, rulepack.Options{
		Trust: trust, Force: f.force, PlainHTTP: f.plainHTTP, Check: checkPack, Agent: "detonaut/" + version.String(), Progress: a.tell,
	}), nil
}

// tell says on stderr what is being done.
func (a *app) tell(doing string) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, "detonaut: rules: %s\n", doing)
	}
}

// maxShown is how many faults of a pack are told.
const maxShown = 5

// checkPack loads the rules of a pack, holds them to their examples, and counts them. What
// is wrong with one refuses the pack.
func checkPack(ctx context.Context, p *rulepack.Pack) (int, error) {
	sources := new(ruleSources)
	sources.addKinds("", p.Tree)
	books, err := readRules(sources, true)
	if err != nil {
		return 0, err
	}
	faults := books.problems()
	for _, f := range books.test(ctx) {
		faults = append(faults, strings.TrimSuffix(f.File+": "+f.Example, ": ")+": "+f.Reason)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if len(faults) > 0 {
		more := ""
		if len(faults) > maxShown {
			more = fmt.Sprintf("; and %d more", len(faults)-maxShown)
			faults = faults[:maxShown]
		}
		return 0, fmt.Errorf("its rules are not sound: %s%s", strings.Join(faults, "; "), more)
	}
	return books.len(), nil
}

func (a *app) rulesStatus() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell which packs of rules are installed",
		Long: `Status tells of each installed pack its version, who signed it, its digest, how
many rules it has, and from where and when it came. The exit code is 1 when one
is damaged: no image is judged without it then.`,
		Example: `  detonaut rules status
  detonaut rules status -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			all, err := a.packStore(cfg.Rules, rulepack.Options{}).List()
			if err != nil {
				return err
			}
			code := exitCode(exitDone)
			if err := a.printResult(format, all, func(w io.Writer) { showPacks(w, all) }); err != nil {
				return err
			}
			for _, one := range all {
				if one.Problem != "" {
					code = exitError
				}
			}
			return code.err()
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, "rule-packs")
	return cmd
}

// showPacks tells of packs in words.
func showPacks(w io.Writer, all []rulepack.Installed) {
	for i, one := range all {
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(w, "%-9s %s\n", name, report.Escape(text))
			}
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		line("pack", strings.TrimSpace(one.Name+" "+string(one.Version)))
		if one.Version != "" {
			signed := "by nobody who is trusted"
			if one.Key != "" {
				signed = "by key " + one.Key
			}
			line("signed", signed)
			line("digest", string(one.Digest))
			line("rules", strconv.Itoa(one.Rules))
			line("made", one.Created.Format(time.RFC3339))
			line("source", one.Source)
			line("installed", one.Installed.Format(time.RFC3339))
		}
		if one.Previous != nil {
			line("before", string(one.Previous.Version))
		}
		if one.Problem != "" {
			line("state", "cannot be used: "+one.Problem+" ("+remedy(&one)+")")
		}
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "no packs of rules are installed")
	}
}

// onePack refuses everything but the name of a pack.
func onePack(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: %s takes the name of a pack", detonaut.ErrUsage, cmd.CommandPath())
	}
	return nil
}

func (a *app) rulesRollback() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Go back to the version of a pack that was used before",
		Long: `Rollback has the version of a pack used that was used before the last update. A
second one goes back to where it was.`,
		Example: `  detonaut rules rollback ours`,
		Args:    onePack,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			e, err := a.packStore(cfg.Rules, rulepack.Options{Progress: a.tell}).Rollback(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printText(func(w io.Writer) {
				fmt.Fprintf(w, "pack %s %s, %d rules: used again\n", e.Name, e.Version, e.Rules)
			})
		},
	}
	addConfigFlags(cmd, "rule-packs")
	return cmd
}

func (a *app) rulesRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Take an installed pack away",
		Long:    `Remove takes an installed pack away, with the version that is kept from before.`,
		Example: `  detonaut rules remove ours`,
		Args:    onePack,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.packStore(cfg.Rules, rulepack.Options{Progress: a.tell}).Remove(cmd.Context(), args[0])
		},
	}
	addConfigFlags(cmd, "rule-packs")
	return cmd
}

// packFlags are the flags of rules pack.
type packFlags struct {
	out, key, name, version string
	unsigned                bool
}

func (a *app) rulesPack() *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:   "pack DIR",
		Short: "Make a pack of a directory of rules",
		Long: `Pack loads the rules of a directory, holds them to their examples, and makes a
pack of them, signed with a private key of Ed25519 (openssl genpkey -algorithm
ed25519 -out key.pem). The version is one to four numbers, and newer than any
that was published. Names that begin with a dot are left out. The time at which
it was made is SOURCE_DATE_EPOCH if that is set: the same rules make the same
bytes then.`,
		Example: `  detonaut rules pack ./my-rules -o ours-1.2.0.tar.gz --key key.pem --name ours --version 1.2.0`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: %s takes one directory, not %d", detonaut.ErrUsage, cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPack(cmd.Context(), args[0], f) },
	}
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "`FILE` to write")
	cmd.Flags().StringVar(&f.key, "key", "", "`FILE` with the private key (PEM, Ed25519)")
	cmd.Flags().StringVar(&f.name, "name", "", "`NAME` of the pack: a-z, 0-9 and -")
	cmd.Flags().StringVar(&f.version, "version", "", "`VERSION` of the pack, such as 1.2.0")
	cmd.Flags().BoolVar(&f.unsigned, "unsigned", false, "sign it with no key")
	return cmd
}

func (a *app) runPack(ctx context.Context, dir string, f packFlags) error {
	if f.out == "" || f.name == "" || f.version == "" || f.unsigned == (f.key != "") {
		return fmt.Errorf("%w: rules pack needs -o, --name and --version, and --key or --unsigned", detonaut.ErrUsage)
	}
	v, err := rulepack.ParseVersion(f.version)
	if err != nil {
		return err
	}
	made, err := a.made()
	if err != nil {
		return err
	}
	o := rulepack.Making{Name: f.name, Version: v, Created: made}
	if f.key != "" {
		if o.Key, err = rulepack.ReadPrivateKey(f.key); err != nil {
			return err
		}
	}
	p, err := rulepack.Make(dir, o)
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	rules, err := checkPack(ctx, p)
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := writeWhole(f.out, p.Write); err != nil {
		return err
	}
	return a.printText(func(w io.Writer) {
		fmt.Fprintf(w, "pack %s %s, %d rules, %d files\n", p.Name, p.Version, rules, len(p.Files))
		if p.Key != "" {
			fmt.Fprintf(w, "signed by key %s\n", p.Key)
		}
		fmt.Fprintf(w, "digest %s\n", p.Digest)
	})
}

// made is when a pack is made.
func (a *app) made() (time.Time, error) {
	text := a.env("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Now(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: SOURCE_DATE_EPOCH: %w", detonaut.ErrUsage, err)
	}
	return time.Unix(seconds, 0), nil
}
