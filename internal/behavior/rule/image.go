package rule

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/detonaut/detonaut"
)

// Bounds of what is known of an image. Its config is the subject's.
const (
	maxFact  = 4096 // bytes of one text
	maxFacts = 256  // entries of one list, and labels
)

var imageType = cel.ObjectType("Image")

// facts are what is known of an image before it is run. Those that nobody knows
// are empty.
type facts struct {
	// Name is its repository, Registry the host of it.
	Name         string            `yaml:"name"`
	Registry     string            `yaml:"registry"`
	Tag          string            `yaml:"tag"`
	Platform     string            `yaml:"platform"`
	Labels       map[string]string `yaml:"labels"`
	Entrypoint   []string          `yaml:"entrypoint"`
	Cmd          []string          `yaml:"cmd"`
	ExposedPorts []string          `yaml:"exposed_ports"`
	Volumes      []string          `yaml:"volumes"`
	User         string            `yaml:"user"`
	Dir          string            `yaml:"dir"`
	// Env are the names of variables only: their values are for nobody to judge
	// by.
	Env []string `yaml:"env"`

	// cut tells that the image says more than that.
	cut bool
}

func imageFields() map[string]*field {
	return map[string]*field{
		"name":          text(func(i *facts) string { return i.Name }),
		"registry":      text(func(i *facts) string { return i.Registry }),
		"tag":           text(func(i *facts) string { return i.Tag }),
		"platform":      text(func(i *facts) string { return i.Platform }),
		"labels":        named(func(i *facts) map[string]string { return i.Labels }),
		"entrypoint":    texts(func(i *facts) []string { return i.Entrypoint }),
		"cmd":           texts(func(i *facts) []string { return i.Cmd }),
		"exposed_ports": texts(func(i *facts) []string { return i.ExposedPorts }),
		"volumes":       texts(func(i *facts) []string { return i.Volumes }),
		"user":          text(func(i *facts) string { return i.User }),
		"dir":           text(func(i *facts) string { return i.Dir }),
		"env":           texts(func(i *facts) []string { return i.Env }),
	}
}

// factsOf are those of an image.
func factsOf(img detonaut.Image) *facts {
	f := &facts{}
	f.Registry, f.Name, f.Tag = splitRef(string(img.Ref))
	for _, s := range []*string{&f.Registry, &f.Name, &f.Tag} {
		*s = f.text(*s)
	}
	c := img.Config
	f.Platform, f.User, f.Dir = f.text(img.Platform), f.text(c.User), f.text(c.WorkingDir)
	f.Entrypoint, f.Cmd = f.list(c.Entrypoint), f.list(c.Cmd)
	f.ExposedPorts, f.Volumes = f.list(c.ExposedPorts), f.list(c.Volumes)
	names := make([]string, len(c.Env))
	for i, v := range c.Env {
		names[i], _, _ = strings.Cut(v, "=")
	}
	f.Env = f.list(names)
	f.Labels = make(map[string]string)
	for i, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if i == maxFacts {
			f.cut = true
			break
		}
		f.Labels[f.text(name)] = f.text(c.Labels[name])
	}
	return f
}

func (f *facts) text(s string) string {
	if len(s) > maxFact {
		f.cut = true
		s = s[:maxFact]
	}
	return s
}

func (f *facts) list(all []string) []string {
	if len(all) > maxFacts {
		f.cut = true
		all = all[:maxFacts]
	}
	list := make([]string, len(all))
	for i, s := range all {
		list[i] = f.text(s)
	}
	return list
}

// The registry that is meant where none is named, what it is called otherwise, and
// where its own images lie.
const (
	hub     = "docker.io"
	library = "library/"
)

var hubs = []string{"index.docker.io", "registry-1.docker.io"}

// splitRef takes a reference apart as Docker reads it. Of one that names a file, or
// an image by its id, nothing is known.
func splitRef(ref string) (registry, name, tag string) {
	name = ref
	switch from, rest, ok := strings.Cut(ref, ":"); from {
	case "oci-dir", "oci-archive", "docker-archive", "-":
		return "", "", ""
	case "registry", "docker":
		if !ok || isPort(rest) {
			break
		}
		if name = rest; from == "docker" && isID(name) {
			return "", "", ""
		}
	}
	name, _, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	if first, rest, ok := strings.Cut(name, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		registry, name = first, rest
	}
	if registry == "" || slices.Contains(hubs, registry) {
		registry = hub
	}
	if registry == hub && name != "" && !strings.Contains(name, "/") {
		name = library + name
	}
	if name == "" {
		return "", "", ""
	}
	return registry, name, tag
}

// isPort tells whether what follows a colon is a port and a path, so that what comes
// before it is a host.
func isPort(s string) bool {
	port, _, ok := strings.Cut(s, "/")
	return ok && port != "" && strings.Trim(port, "0123456789") == ""
}

// isID tells whether a name is the id of an image.
func isID(name string) bool {
	name = strings.TrimPrefix(name, "sha256:")
	return len(name) >= 12 && len(name) <= 64 && strings.Trim(name, "0123456789abcdef") == ""
}
