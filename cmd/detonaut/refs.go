package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
)

// imageFlags are the flags of commands about images that are no configuration.
type imageFlags struct {
	list   string
	output []string
	failOn string
	strict bool
}

func (f *imageFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.list, "list", "", "`FILE` with one REF a line and # comments; - is standard input")
	addOutputFlag(cmd, &f.output)
	addThresholdFlags(cmd, &f.failOn, &f.strict)
}

// batch is what such a command is about.
type batch struct {
	cfg       *config.Loaded
	threshold threshold
	refs      []detonaut.Ref
	many      bool // of which a table has a line each
}

func (a *app) batch(cmd *cobra.Command, args []string, f imageFlags) (b batch, err error) {
	if b.cfg, err = a.load(cmd); err != nil {
		return b, err
	}
	if b.threshold, err = parseThreshold(f.failOn, f.strict); err != nil {
		return b, err
	}
	b.refs, err = a.refs(args, f.list)
	b.many = len(b.refs) > 1 || f.list != ""
	return b, err
}

// maxRef bounds a line of a list, in bytes.
const maxRef = 4096

// refs are those of the command line, then those of the list.
func (a *app) refs(args []string, list string) ([]detonaut.Ref, error) {
	var refs []detonaut.Ref
	for _, arg := range args {
		refs = append(refs, detonaut.Ref(arg))
	}
	if list != "" {
		more, err := a.readList(list)
		if err != nil {
			return nil, err
		}
		refs = append(refs, more...)
	} else if len(refs) == 0 {
		return nil, fmt.Errorf("%w: name an image, or a list of them with --list", detonaut.ErrUsage)
	}
	fromStdin := 0
	for _, ref := range refs {
		if ref == "-" {
			fromStdin++
		}
	}
	if list == "-" && fromStdin > 0 || fromStdin > 1 {
		return nil, fmt.Errorf("%w: standard input can be read only once", detonaut.ErrUsage)
	}
	return refs, nil
}

// readList reads one ref a line. Empty lines and what follows a # at the
// beginning or after a space are skipped.
func (a *app) readList(name string) ([]detonaut.Ref, error) {
	r := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open list: %w", err)
		}
		defer f.Close()
		r = f
	}
	refs := []detonaut.Ref{}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxRef)
	for n := 1; sc.Scan(); n++ {
		fields := strings.Fields(sc.Text())
		if i := slices.IndexFunc(fields, func(s string) bool { return s[0] == '#' }); i >= 0 {
			fields = fields[:i]
		}
		switch len(fields) {
		case 0:
		case 1:
			refs = append(refs, detonaut.Ref(fields[0]))
		default:
			return nil, fmt.Errorf("%w: read list %s: line %d: more than one image", detonaut.ErrUsage, name, n)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read list %s: %w", name, err)
	}
	return refs, nil
}

// words splits the value of a flag: a JSON array as in a Dockerfile, or words
// with spaces between them.
func words(flag, value string) ([]string, error) {
	if !strings.HasPrefix(value, "[") {
		return strings.Fields(value), nil
	}
	var list []string
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return nil, fmt.Errorf("%w: %s: not a JSON array of strings: %w", detonaut.ErrUsage, flag, err)
	}
	return list, nil
}
