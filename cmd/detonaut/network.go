package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/network/cassette"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/config"
)

// networkFlag is the value of --network: what a subject can reach, or a record
// of what a live network answered, which is made or replayed.
type networkFlag struct {
	mode           plan.Network
	record, replay string // paths
}

// Set implements pflag.Value.
func (f *networkFlag) Set(text string) error {
	kind, file, hasFile := strings.Cut(text, "=")
	switch {
	case kind == "record" || kind == "replay":
		if file == "" {
			return fmt.Errorf("no file: use %s=FILE", kind)
		}
	case hasFile:
		return fmt.Errorf("only record and replay have a file")
	}
	switch kind {
	case "record":
		*f = networkFlag{mode: plan.Live, record: file}
	case "replay":
		*f = networkFlag{mode: plan.Simulated, replay: file}
	case string(plan.Simulated), string(plan.None), string(plan.Live):
		*f = networkFlag{mode: plan.Network(kind)}
	default:
		return errors.New("use simulated, none, live, record=FILE or replay=FILE")
	}
	return nil
}

// String is the value of run.network.
func (f *networkFlag) String() string { return string(f.mode) }

// Type implements pflag.Value.
func (f *networkFlag) Type() string { return "network" }

// listFlag is a list that may be given in parts, each with commas.
type listFlag []string

// Set implements pflag.Value.
func (f *listFlag) Set(text string) error {
	*f = append(*f, strings.Split(text, ",")...)
	return nil
}

// String is the list as the configuration takes it.
func (f *listFlag) String() string { return strings.Join(*f, ",") }

// Type implements pflag.Value.
func (f *listFlag) Type() string { return "list" }

// addNetworkFlags gives cmd the flags of the network. Those that are
// configuration are read by [app.load] too.
func addNetworkFlags(cmd *cobra.Command, network *networkFlag) {
	network.mode = plan.Simulated
	fl := cmd.Flags()
	fl.Var(network, "network", "`NETWORK` of an image: simulated, none, live; record=FILE is live and keeps the answers, replay=FILE is simulated and gives them")
	fl.Var(new(listFlag), "allow", "`HOSTS` that a live network reaches: names, *.NAME, addresses, prefixes; '*' is any public host; may be given more than once")
	addConfigFlags(cmd, "answers")
	err := cmd.RegisterFlagCompletionFunc("network", completeNetwork)
	if err != nil {
		panic(err) // the flag is there
	}
}

func completeNetwork(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.Contains(typed, "=") {
		return nil, cobra.ShellCompDirectiveDefault // a file
	}
	return []cobra.Completion{
		cobra.CompletionWithDesc(string(plan.Simulated), "answer everything, let nothing out"),
		cobra.CompletionWithDesc(string(plan.None), "no network at all"),
		cobra.CompletionWithDesc(string(plan.Live), "reach the hosts of --allow"),
		cobra.CompletionWithDesc("record=", "live, and keep the answers in a file"),
		cobra.CompletionWithDesc("replay=", "simulated, with the answers of a record"),
	}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// internet is that of a plan, of the configuration and of the flag.
func (f *networkFlag) internet(cfg *config.Loaded) (plan.Internet, error) {
	if cfg.Source("run.live.allow") == "--allow" && plan.Network(cfg.Run.Network) != plan.Live {
		return plan.Internet{}, fmt.Errorf("%w: --allow is for --network live and record=FILE", detonaut.ErrUsage)
	}
	n, err := cfg.Run.Internet()
	if err != nil {
		return plan.Internet{}, err
	}
	if f.record != "" {
		n.Record = true
		if info, err := os.Stat(f.record); err == nil && !info.Mode().IsRegular() {
			return plan.Internet{}, fmt.Errorf("%w: --network record=%s: not a regular file", detonaut.ErrUsage, f.record)
		}
	}
	if f.replay != "" {
		n.Replay, err = replayed(f.replay)
	}
	return n, err
}

// replayed returns the absolute path of a record that can be read, to its end.
func replayed(name string) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("%w: --network replay=%s: %w", detonaut.ErrUsage, name, err)
	}
	f, err := os.Open(name)
	if err != nil {
		return fail(err)
	}
	defer f.Close() // it is read again by the chamber
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return fail(err)
	}
	if err := checkRecord(f); err != nil {
		return fail(fmt.Errorf("%w; make it again with --network record=FILE", err))
	}
	if name, err = filepath.Abs(name); err != nil {
		return fail(err)
	}
	return name, nil
}

// checkRecord reads a record as the chamber will. One that was full when it was
// made is good for what it has; the report tells.
func checkRecord(r io.Reader) error {
	p, err := cassette.NewPlayer(r)
	if err != nil {
		return err
	}
	if err := p.Err(); errors.Is(err, cassette.ErrCutOff) {
		return err
	}
	return nil
}
