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
	// Extras are programs of the image that only bear the name of real ones, and Also
	// other places at which the actor's own program lies.
	Extras, Also []string
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
	all := slices.Concat(local(), networked(),
		execution(), persistence(), escape(), evasion(), supply(),
		credentials(), discovery(), lateral(), taking(), control(), impact(), baited())
	slices.SortFunc(all, func(a, b Actor) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// app is the command line of most actors.
func app(args ...string) []string { return append([]string{"/usr/local/bin/app"}, args...) }

// actor is one whose program has its name, and no arguments.
func actor(name string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: name, Run: app(), Word: word, Rules: rules}
}

// mode is one of the deeds of a program.
func mode(program, deed string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: program + "-" + deed, Program: program, Run: app(deed), Word: word, Rules: rules}
}

// line is one that runs command lines of extras: see program command.
func line(name, words string, word detonaut.Word, rules ...string) Actor {
	a := Actor{Name: name, Program: "command", Run: app(strings.Fields(words)...), Word: word, Rules: rules}
	for part := range strings.SplitSeq(words, " then ") {
		for _, w := range strings.Fields(part) {
			if strings.HasPrefix(w, "/") {
				a.Extras = append(a.Extras, w)
				break
			}
		}
	}
	return a
}

// shell is one that runs a command line of the shell.
func shell(name, text string, word detonaut.Word, rules ...string) Actor {
	return Actor{Name: name, Program: "command", Run: app("/bin/sh", "-c", text), Shell: true, Word: word, Rules: rules}
}

// shelled gives an actor a shell.
func (a Actor) shelled() Actor {
	a.Shell = true
	return a
}

// waits makes an actor one that acts only after hours or days.
func (a Actor) waits() Actor {
	a.Waits = true
	return a
}

// also adds to the findings of an actor.
func (a Actor) also(rules ...string) Actor {
	a.Rules = slices.Sorted(slices.Values(slices.Concat(a.Rules, rules)))
	return a
}

// with gives an actor extras.
func (a Actor) with(extras ...string) Actor {
	a.Extras = append(slices.Clip(a.Extras), extras...)
	return a
}

// local are those whose deed is done inside their machine, and of no theme below.
func local() []Actor {
	return []Actor{
		actor("forkstorm", detonaut.Suspicious, "impact/process-storm"),
		actor("hello", detonaut.Clean),
		actor("scan", detonaut.Suspicious, "discovery/port-scan"),
		{Name: "web", Run: app(), Goes: true, Word: detonaut.Clean},
	}
}

// networked are those who do it to others, over the network.
func networked() []Actor {
	return []Actor{
		actor("beacon", detonaut.Clean, "command-and-control/beacon"),
		actor("dga", detonaut.Suspicious, "command-and-control/generated-names"),
		actor("hostscan", detonaut.Suspicious, "discovery/host-scan"),
		actor("ircbot", detonaut.Suspicious, "command-and-control/irc"),
		{Name: "miner", Run: []string{
			"/usr/local/bin/worker", "-o", "stratum+tcp://pool.minexmr.example:3333", "-u", "nobody", "--donate-level=1",
		}, Word: detonaut.Unwanted, Rules: []string{"impact/miner-program", "impact/mining-pool", "impact/mining-protocol"}},
		actor("pinned", detonaut.Clean, "command-and-control/own-trust"),
		actor("poster", detonaut.Suspicious, "exfiltration/file-drop", "exfiltration/machine-facts"),
		actor("revshell", detonaut.Malicious, "command-and-control/reverse-shell", "command-and-control/shell-answers").shelled(),
		actor("socksy", detonaut.Clean, "command-and-control/proxy"),
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
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin + "/", "./actors/sh", "./actors/extra"}
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
	for _, path := range a.Extras {
		if img, err = imagetest.AddFile(img, path, filepath.Join(bin, "extra")); err != nil {
			return nil, err
		}
	}
	for _, path := range append([]string{a.Run[0]}, a.Also...) {
		if img, err = imagetest.AddFile(img, path, filepath.Join(bin, a.program())); err != nil {
			return nil, err
		}
	}
	return img, nil
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
