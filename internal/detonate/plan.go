package detonate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
)

// defaultPath is the PATH that Docker gives an image that sets none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Overrides is what the operator wants done otherwise than the image asks. The
// zero value changes nothing.
type Overrides struct {
	// Entrypoint replaces the image's entrypoint, and drops its cmd as
	// "docker run --entrypoint" does.
	Entrypoint []string
	// Cmd replaces the image's cmd.
	Cmd []string
	// Env is set over the image's variables; one without "=" is removed.
	Env []string
	// User replaces the image's user.
	User string
	// Profile, Detail and Network are plan.Default, plan.Normal and
	// plan.Simulated when empty.
	Profile plan.Profile
	Detail  plan.Detail
	Network plan.Network
	// Machine is plan.DefaultMachine when it is zero.
	Machine plan.Machine
	// Travel bounds the profile plan.Time, and is not looked at with another;
	// what is 0 of it has its default.
	Travel plan.Travel
	// Stay keeps a run going in which nothing can happen any more.
	Stay bool
	// Internet is taken as it is, but for the trust stores, which are the
	// image's.
	Internet plan.Internet
	// NoBaits plants no credentials in files and variables.
	NoBaits bool
	// Limits that are 0 have their default.
	Limits plan.Limits
}

// Digest identifies what is asked of a run, whatever the image. It does not depend on where on this
// machine the record to replay lies.
func (o Overrides) Digest() detonaut.Digest {
	o.Internet.Replay = ""
	return digest(o)
}

// NewPlan says how to run img, whose root file system is fsys: as Docker would
// run it, but for o. fsys is only read, and must not follow links out of
// itself. The caller sets Image of the plan.
//
// Every error about the subject wraps [detonaut.ErrRun] and names the field of
// its config: such an image cannot be run by anybody. Any other error means
// that fsys could not be read.
//
// A working directory that the image lacks is no error: the sandbox makes it,
// owned by root, as Docker does.
func NewPlan(img detonaut.Image, fsys fs.FS, o Overrides) (plan.Plan, error) {
	c := command(img.Config, o)
	if len(c.args) == 0 {
		return plan.Plan{}, cannotRun("config.entrypoint", "no entrypoint and no cmd")
	}
	root := rootFS{fsys}
	dir, err := workingDir(root, img.Config.WorkingDir)
	if err != nil {
		return plan.Plan{}, err
	}
	userField, userSpec := "config.user", img.Config.User
	if o.User != "" {
		userField, userSpec = "override.user", o.User
	}
	who, err := lookupUser(root, userField, userSpec)
	if err != nil {
		return plan.Plan{}, err
	}
	tmp, err := root.emptyOrMissing("tmp")
	if err != nil {
		return plan.Plan{}, fmt.Errorf("read /tmp in the image: %w", err)
	}
	host := hostname(img.Digest)
	env := environ(host, who.home, img.Config.Env, o.Env)
	exe := executable{root: root, field: c.field, platform: img.Platform, dir: dir}
	if err := exe.check(c.args[0], env); err != nil {
		return plan.Plan{}, err
	}
	p := plan.Plan{
		Digest:   string(img.Digest),
		Profile:  or(o.Profile, plan.Default),
		Args:     c.args,
		Env:      env,
		Dir:      dir,
		User:     who.User,
		Tmp:      tmp,
		Hostname: host,
		Machine:  or(o.Machine, plan.DefaultMachine()),
		Travel:   travel(o),
		Stay:     o.Stay,
		Network:  or(o.Network, plan.Simulated),
		Internet: o.Internet,
		Detail:   or(o.Detail, plan.Normal),
		Limits:   limits(o.Limits),
	}
	if err := trustNetwork(&p, fsys, o.Env); err != nil {
		return plan.Plan{}, err
	}
	if !o.NoBaits {
		if p.Baits, err = findBaits(fsys, &p, who.home, o.Env); err != nil {
			return plan.Plan{}, fmt.Errorf("find places for baits: %w", err)
		}
	}
	if err := p.Validate(); err != nil {
		return plan.Plan{}, fmt.Errorf("%w: plan: %w", detonaut.ErrRun, err)
	}
	return p, nil
}

// trustNetwork has the subject trust who answers on the network of p. The
// variables of asked are those that the operator spoke of.
func trustNetwork(p *plan.Plan, fsys fs.FS, asked []string) error {
	if p.Network == plan.None {
		return nil
	}
	found, err := findTrust(fsys, p.Dir, p.Env, asked)
	if err != nil {
		return fmt.Errorf("find trust stores: %w", err)
	}
	p.Internet.Trust, p.Internet.TrustCut = found.stores, found.cut
	p.Env = append(p.Env, found.env...)
	return nil
}

// Digest identifies what p does to any image: it does not depend on where on
// this machine the image and the record to replay lie. It is what a report's
// fingerprint has.
func Digest(p plan.Plan) detonaut.Digest {
	p.Image, p.Internet.Replay = "", ""
	return digest(p)
}

func digest(v any) detonaut.Digest {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // neither has a field that JSON cannot express
	}
	sum := sha256.Sum256(b)
	return detonaut.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// A commandLine and the config field that its first word came from.
type commandLine struct {
	field string
	args  []string
}

func command(c detonaut.Config, o Overrides) commandLine {
	entry, cmd := c.Entrypoint, c.Cmd
	entryField, cmdField := "config.entrypoint", "config.cmd"
	if len(o.Entrypoint) > 0 {
		entry, cmd, entryField = o.Entrypoint, nil, "override.entrypoint"
	}
	if len(o.Cmd) > 0 {
		cmd, cmdField = o.Cmd, "override.cmd"
	}
	line := commandLine{field: entryField, args: append(append([]string{}, entry...), cmd...)}
	if len(entry) == 0 {
		line.field = cmdField
	}
	return line
}

// workingDir returns the absolute working directory of the subject.
func workingDir(root rootFS, dir string) (string, error) {
	const field = "config.working_dir"
	dir = path.Clean("/" + dir)
	_, info, err := root.resolve("/", dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dir, nil
	case err != nil:
		return "", pathError(field, dir, err)
	case !info.IsDir():
		return "", cannotRun(field, "%s: not a directory", shown(dir))
	}
	return dir, nil
}

// environ merges lists of NAME=value in their order, later ones winning, over
// what Docker sets by itself. A name without "=" removes its variable.
func environ(hostname, home string, lists ...[]string) []string {
	env := []string{"PATH=" + defaultPath, "HOSTNAME=" + hostname}
	at := map[string]int{"PATH": 0, "HOSTNAME": 1}
	for _, list := range lists {
		for _, v := range list {
			name, _, set := strings.Cut(v, "=")
			i, known := at[name]
			switch {
			case name == "":
			case set && known:
				env[i] = v
			case set:
				at[name] = len(env)
				env = append(env, v)
			case known:
				env[i] = ""
				delete(at, name)
			}
		}
	}
	if _, known := at["HOME"]; !known {
		env = append(env, "HOME="+home)
	}
	kept := env[:0]
	for _, v := range env {
		if v != "" {
			kept = append(kept, v)
		}
	}
	return kept
}

// hostname looks like the ones that Docker makes of container IDs. It is the
// same for every run of an image, and does not show the image's digest.
func hostname(d detonaut.Digest) string {
	sum := sha256.Sum256([]byte("hostname of " + string(d)))
	return hex.EncodeToString(sum[:6])
}

func limits(l plan.Limits) plan.Limits {
	d := plan.DefaultLimits()
	return plan.Limits{
		Duration:  or(l.Duration, d.Duration),
		Memory:    or(l.Memory, d.Memory),
		Processes: or(l.Processes, d.Processes),
		FileSize:  or(l.FileSize, d.FileSize),
		Disk:      or(l.Disk, d.Disk),
		Output:    or(l.Output, d.Output),
		Events:    or(l.Events, d.Events),
	}
}

// travel bounds the profile that moves clocks on; there is none of another.
func travel(o Overrides) plan.Travel {
	if o.Profile != plan.Time {
		return plan.Travel{}
	}
	d := plan.DefaultTravel()
	return plan.Travel{Days: or(o.Travel.Days, d.Days), Jumps: or(o.Travel.Jumps, d.Jumps)}
}

// or returns v, or the fallback when v is zero.
func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// cannotRun is a fact about the subject.
func cannotRun(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", detonaut.ErrRun, field, fmt.Sprintf(format, args...))
}

// pathError tells a subject's broken path from our inability to read it.
func pathError(field, name string, err error) error {
	if bad, ok := errors.AsType[badPath](err); ok {
		return cannotRun(field, "%s: %s", shown(name), bad)
	}
	return fmt.Errorf("read %s in the image: %w", shown(name), err)
}
