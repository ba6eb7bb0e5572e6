package difference

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// What the things of each part are, by their keys and values.

func findings(r *detonaut.Report, t things) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed == nil {
			t.add(Item{Key: f.ID, Text: f.Title, Severity: f.Severity, Value: string(f.Severity)})
		}
	}
}

// processes are told by their executables: arguments are often names of temporary files.
func processes(r *detonaut.Report, t things) {
	if r.Run == nil {
		return
	}
	for i := range r.Run.Processes {
		p := &r.Run.Processes[i]
		if p.Executable != "" {
			t.add(Item{Key: p.Executable, Value: p.Origin, Text: strings.Join(p.Args, " ")})
		}
	}
}

// hosts are the names that were asked for or reached, and the addresses without a name.
func hosts(r *detonaut.Report, t things) {
	if r.Run == nil {
		return
	}
	for _, name := range r.Run.Names {
		t.add(Item{Key: name})
	}
	for i := range r.Run.Connections {
		c := &r.Run.Connections[i]
		host := c.Name
		if host == "" {
			host = c.Address
			if h, _, err := net.SplitHostPort(c.Address); err == nil {
				host = h
			}
		}
		t.add(Item{Key: host, Text: strings.TrimSpace(c.Network + " " + c.Protocol)})
	}
}

func listeners(r *detonaut.Report, t things) {
	if r.Run == nil {
		return
	}
	for i := range r.Run.Listeners {
		l := &r.Run.Listeners[i]
		t.add(Item{Key: l.Network + " " + l.Address})
	}
}

// payloads are contents that the run made: a new one of the same path is another payload.
func payloads(r *detonaut.Report, t things) {
	if r.Run == nil {
		return
	}
	for i := range r.Run.Payloads {
		p := &r.Run.Payloads[i]
		path := ""
		if len(p.Paths) > 0 {
			path = p.Paths[0]
		}
		t.add(Item{Key: cmp.Or(p.SHA256, path), Text: strings.TrimSpace(p.Type + " " + path)})
	}
}

func changes(r *detonaut.Report, t things) {
	if r.Run == nil {
		return
	}
	for i := range r.Run.Changes {
		c := &r.Run.Changes[i]
		value := c.Kind
		if c.Privileged {
			value += ", gives rights"
		}
		t.add(Item{Key: c.Path, Value: value, Text: c.SHA256})
	}
}

// packages of one name and type may be there in several versions: they are one thing.
func packages(r *detonaut.Report, t things) {
	if r.Inventory == nil {
		return
	}
	versions := map[string][]string{}
	for i := range r.Inventory.Packages {
		p := &r.Inventory.Packages[i]
		if !p.Hidden {
			key := p.Name + " (" + p.Type + ")"
			versions[key] = append(versions[key], p.Version)
		}
	}
	for key, list := range versions {
		slices.Sort(list)
		t.add(Item{Key: key, Value: strings.Join(slices.Compact(list), ", ")})
	}
}

func vulnerabilities(r *detonaut.Report, t things) {
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		t.add(Item{Key: v.ID + " in " + v.Package, Text: v.Version, Severity: v.Severity})
	}
}

func files(r *detonaut.Report, t things) {
	for i := range r.Files {
		f := &r.Files[i]
		t.add(Item{Key: cmp.Or(f.Path, f.SHA256), Value: f.SHA256, Text: f.Type})
	}
}

func layers(r *detonaut.Report, t things) {
	for i := range r.Image.Layers {
		l := &r.Image.Layers[i]
		t.add(Item{Key: string(cmp.Or(l.DiffID, l.Digest)), Text: l.CreatedBy})
	}
}

// config is how the image asks to be run.
func config(r *detonaut.Report, t things) {
	c := &r.Image.Config
	for _, one := range []struct {
		name string
		is   []string
	}{
		{"entrypoint", c.Entrypoint},
		{"cmd", c.Cmd},
		{"healthcheck", c.Healthcheck},
		{"on build", c.OnBuild},
		{"user", []string{c.User}},
		{"working directory", []string{c.WorkingDir}},
		{"stop signal", []string{c.StopSignal}},
	} {
		if len(one.is) > 0 && one.is[0] != "" {
			t.add(Item{Key: one.name, Value: quoted(one.is)})
		}
	}
	for _, e := range c.Env {
		name, value, _ := strings.Cut(e, "=")
		t.add(Item{Key: "env " + name, Value: value})
	}
	for _, p := range c.ExposedPorts {
		t.add(Item{Key: "port " + p})
	}
	for _, v := range c.Volumes {
		t.add(Item{Key: "volume " + v})
	}
	for name, value := range c.Labels {
		t.add(Item{Key: "label " + name, Value: value})
	}
}

// quoted shows words so that they can be told apart.
func quoted(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(out, " ")
}
