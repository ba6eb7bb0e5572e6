// Package cast is the list of the actors: which image each plays in, and what
// Detonaut must say of it. It builds the images; it runs none of them.
//
// The actors are harmless programs that do one bad deed each. They are the
// proof, end to end, that the rules see what real programs do.
package cast

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// Actor is one sample image.
type Actor struct {
	// Name names the image, and unless Program says otherwise the folder of
	// its program.
	Name    string
	Program string
	// Run is the path of the program in the image and its arguments.
	Run []string
	// Shell gives the image a /bin/sh.
	Shell bool
	// Goes is set when it waits for clients until it is ended.
	Goes bool
	// Waits is set when it acts only after hours or days: in the profile that moves
	// clocks on, and not before.
	Waits bool
	// Word is the word of the verdict, and Rules the ids of its findings, all of
	// them, sorted.
	Word  detonaut.Word
	Rules []string
}

// All lists every actor, by name.
func All() []Actor {
	all := append(local(), networked()...)
	slices.SortFunc(all, func(a, b Actor) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// app is the command line of most actors.
func app(args ...string) []string { return append([]string{"/usr/local/bin/app"}, args...) }

// actor is one whose program has its name, and no arguments.
func actor(name string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: name, Run: app(), Word: word, Rules: rules}
}

// shelled gives an actor a shell.
func (a Actor) shelled() Actor {
	a.Shell = true
	return a
}

// local are those whose deed is done inside their machine.
func local() []Actor {
	persist := func(place, rule string) Actor {
		return Actor{
			Name: "persist-" + place, Program: "persist", Run: app(place), Word: detonaut.Suspicious, Rules: []string{"persistence/" + rule},
		}
	}
	backdoor := func(what, rule string) Actor {
		return Actor{Name: "backdoor-" + what, Program: "backdoor", Run: app(what), Word: detonaut.Suspicious, Rules: []string{rule}}
	}
	// Who waits, for whatever, drops a program then.
	waits := func(name string) Actor {
		a := actor(name, detonaut.Suspicious,
			"defense-evasion/deletes-its-program", "execution/drops-and-runs", "execution/temporary-program", "execution/written-program")
		a.Waits = true
		return a
	}
	return []Actor{
		waits("cron"),
		waits("datebomb"),
		backdoor("program", "defense-evasion/replaces-program").shelled(),
		backdoor("rights", "privilege-escalation/left-privileged"),
		actor("deleted-payload", detonaut.Suspicious,
			"defense-evasion/deletes-its-program", "execution/drops-and-runs", "execution/temporary-program", "execution/written-program"),
		actor("dropper", detonaut.Suspicious,
			"defense-evasion/deletes-its-program", "execution/drops-and-runs", "execution/temporary-program", "execution/written-program"),
		actor("forkstorm", detonaut.Suspicious, "impact/process-storm"),
		actor("hello", detonaut.Clean),
		actor("look", detonaut.Suspicious, "defense-evasion/sandbox-checks"),
		actor("mangled", detonaut.Suspicious, "program/mangled-header"),
		actor("mapped", detonaut.Suspicious,
			"execution/drops-and-runs", "execution/temporary-program", "execution/written-program"),
		actor("memfd", detonaut.Suspicious, "execution/from-memory"),
		actor("packed", detonaut.Clean, "defense-evasion/program-in-memory"),
		persist("cron", "cron"),
		persist("keys", "ssh-key"),
		persist("preload", "preload"),
		persist("profile", "login-script"),
		persist("unit", "service-unit"),
		actor("ptrace", detonaut.Suspicious, "defense-evasion/process-injection"),
		actor("rename-over", detonaut.Suspicious, "execution/written-program"),
		actor("scan", detonaut.Suspicious, "discovery/port-scan"),
		actor("shell", detonaut.Suspicious, "execution/server-shell").shelled(),
		stdin("script", "own", detonaut.Clean, "execution/piped-script"),
		{Name: "web", Run: app(), Goes: true, Word: detonaut.Clean},
	}
}

// stdin is one that feeds a shell.
func stdin(name, script string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: "stdin-" + name, Program: "stdin-script", Run: app(script), Shell: true, Word: word, Rules: rules}
}

// networked are those who do it to others, over the network.
func networked() []Actor {
	return []Actor{
		actor("beacon", detonaut.Clean, "command-and-control/beacon"),
		actor("dga", detonaut.Suspicious, "command-and-control/generated-names"),
		actor("dropper-https", detonaut.Suspicious,
			"execution/drops-and-runs", "execution/runs-download", "execution/temporary-program", "execution/written-program"),
		actor("hostscan", detonaut.Suspicious, "discovery/host-scan"),
		actor("ircbot", detonaut.Suspicious, "command-and-control/irc"),
		actor("jndi", detonaut.Suspicious, "execution/jndi-lookup"),
		{Name: "miner", Run: []string{
			"/usr/local/bin/worker", "-o", "stratum+tcp://pool.minexmr.example:3333", "-u", "nobody", "--donate-level=1",
		}, Word: detonaut.Unwanted, Rules: []string{"impact/miner-program", "impact/mining-pool", "impact/mining-protocol"}},
		actor("pinned", detonaut.Clean, "command-and-control/own-trust"),
		actor("poster", detonaut.Suspicious, "exfiltration/file-drop"),
		actor("revshell", detonaut.Malicious, "command-and-control/reverse-shell", "command-and-control/shell-answers").shelled(),
		actor("socksy", detonaut.Clean, "command-and-control/proxy"),
		actor("stager", detonaut.Suspicious,
			"command-and-control/bare-address", "command-and-control/reverse-shell", "execution/runs-download").shelled(),
		stdin("fetched", "fetched", detonaut.Suspicious, "execution/piped-script", "execution/runs-download"),
		actor("thief", detonaut.Malicious, "discovery/cloud-metadata", "exfiltration/planted-credential"),
		actor("tor", detonaut.Suspicious, "command-and-control/bare-address", "command-and-control/tor"),
		actor("tunnel", detonaut.Suspicious, "command-and-control/dns-tunnel"),
		actor("updater", detonaut.Clean),
	}
}

// Build compiles the programs of actors and writes each image to dir/NAME as an
// OCI layout. root is the directory of the main module.
func Build(ctx context.Context, root, dir string, actors []Actor) error {
	bin, err := os.MkdirTemp("", "actors-")
	if err != nil {
		return fmt.Errorf("build actors: %w", err)
	}
	defer os.RemoveAll(bin)
	if err := compile(ctx, root, bin, actors); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("build actors: %w", err)
	}
	for _, a := range actors {
		img, err := a.image(bin)
		if err != nil {
			return fmt.Errorf("build actor %s: %w", a.Name, err)
		}
		if err := imagetest.WriteOCIDir(img, filepath.Join(dir, a.Name)); err != nil {
			return fmt.Errorf("build actor %s: %w", a.Name, err)
		}
	}
	return nil
}

// compile builds the programs of all actors in one go, static and without
// paths of this machine.
func compile(ctx context.Context, root, bin string, actors []Actor) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin + "/", "./actors/sh"}
	for _, a := range actors {
		args = append(args, "./actors/"+a.program())
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile actors: %w\n%s", err, out)
	}
	return nil
}

func (a *Actor) program() string {
	if a.Program != "" {
		return a.Program
	}
	return a.Name
}

func (a *Actor) image(bin string) (v1.Image, error) {
	entrypoint, err := json.Marshal(a.Run)
	if err != nil {
		return nil, err
	}
	img, err := imagetest.FromTxtar(fmt.Sprintf(base, runtime.GOARCH, entrypoint, stage.Marker, stage.Prop))
	if err != nil {
		return nil, err
	}
	if a.Shell {
		if img, err = imagetest.AddFile(img, "/bin/sh", filepath.Join(bin, "sh")); err != nil {
			return nil, err
		}
	}
	return imagetest.AddFile(img, a.Run[0], filepath.Join(bin, a.program()))
}

// base is what every actor's image has: a config and the few files that
// programs expect of a machine.
const base = `PLATFORM linux/%s
ENTRYPOINT %s
ENV PATH=/usr/local/bin:/usr/bin:/bin
ENV %s=1
-- %s 0444 --
-- /bin/ --
-- /etc/ --
-- /etc/group --
root:x:0:
-- /etc/passwd --
root:x:0:0:root:/root:/bin/sh
-- /root/ 0700 --
-- /tmp/ 1777 --
-- /usr/ --
-- /usr/local/ --
-- /usr/local/bin/ --
`
