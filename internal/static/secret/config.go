package secret

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
)

// maxText is how much is read of one string of a config, in bytes.
const maxText = 64 << 10

// Config looks through what an image says of itself: its environment and labels, its
// commands, and how it was built. The evidence tells where. An error means that we
// failed, or ctx ended.
func (a Analyzer) Config(ctx context.Context, img detonaut.Image) ([]detonaut.Finding, error) {
	rules, err := loaded()
	if err != nil {
		return nil, err
	}
	var all collection
	for _, p := range parts(img) {
		if err := a.part(ctx, rules, p, &all); err != nil {
			return nil, err
		}
	}
	return all.findings(), nil
}

// A part of a config is one text in it.
type part struct {
	// where is what it is, in one line; name is that of a variable or label with a
	// value.
	where, name, value string
	// variable is set when the name counts, too.
	variable bool
}

// part looks through one.
func (a Analyzer) part(ctx context.Context, rules *rules, p part, all *collection) error {
	text := p.value[:min(len(p.value), maxText)]
	if p.name != "" {
		text = p.name + "=" + text
	}
	matches, err := rules.find(ctx, bytes.NewReader([]byte(text)), int64(len(text)))
	if err != nil {
		return fmt.Errorf("look through config: %w", err)
	}
	where, known := p.where, false
	if p.name != "" {
		where += " " + p.name
	}
	for i := range matches {
		rules.judge(&matches[i], a.redactor(), func(k kind, summary string, _ int64) {
			all.add(k, detonaut.Evidence{Summary: where + ": " + summary})
			known = true
		})
	}
	if !known && p.variable && isNamed(p.name, p.value) {
		all.add(named, detonaut.Evidence{Summary: where + "=" + a.redactor().show(p.value, "")})
	}
	return nil
}

// parts are the texts of a config, in order. What was built into the environment is
// not told again as a step of the build.
func parts(img detonaut.Image) (all []part) {
	known := map[string]bool{}
	variable := func(where, assignment string) {
		name, value, _ := strings.Cut(assignment, "=")
		if !known[assignment] {
			all = append(all, part{where: where, name: name, value: value, variable: true})
		}
		known[assignment] = true
	}
	for _, e := range img.Config.Env {
		variable("ENV", e)
	}
	for _, key := range slices.Sorted(maps.Keys(img.Config.Labels)) {
		all = append(all, part{where: "LABEL", name: key, value: img.Config.Labels[key]})
	}
	for _, c := range []struct {
		where string
		words []string
	}{{"ENTRYPOINT", img.Config.Entrypoint}, {"CMD", img.Config.Cmd}, {"HEALTHCHECK", img.Config.Healthcheck}, {"ONBUILD", img.Config.OnBuild}} {
		if len(c.words) > 0 {
			all = append(all, part{where: c.where, value: strings.Join(c.words, " ")})
		}
	}
	for i, step := range img.History {
		where := "step " + strconv.Itoa(i+1)
		assigned, rest := assignments(step.CreatedBy)
		for _, a := range assigned {
			variable(where+", "+a[0], a[1])
		}
		if rest != "" {
			all = append(all, part{where: where, value: rest})
		}
		if step.Comment != "" {
			all = append(all, part{where: where + ", comment", value: step.Comment})
		}
	}
	return all
}

var (
	// instruction is a step that only sets variables, as the classic builder and as
	// BuildKit write it.
	instruction = regexp.MustCompile(`^(?:/bin/sh -c )?(?:#\(nop\) +)?(ENV|ARG) +(.*)$`)
	// arguments are those of the build, before the command that was run with them: a bar,
	// how many they are, and they.
	arguments = regexp.MustCompile(`^(?:RUN +)?\|(\d{1,3}) `)
	// assignment is one of several in a row. The builders do not quote: a value ends
	// where the next name begins, or the shell that is run.
	assignment = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*=`)
)

// assignments takes the variables out of a step: what set them, and each as
// NAME=value.
func assignments(step string) (set [][2]string, rest string) {
	step = step[:min(len(step), maxText)]
	what, count, text := "", 0, step
	if m := instruction.FindStringSubmatch(step); m != nil {
		what, count, text = m[1], maxAssignments, m[2]
	} else if m := arguments.FindStringSubmatch(step); m != nil {
		what, text = "ARG", step[len(m[0]):]
		count, _ = strconv.Atoi(m[1]) // of digits only
	} else {
		return nil, step
	}
	for len(set) < min(count, maxAssignments) {
		at := assignment.FindStringIndex(text)
		if at == nil || at[0] != 0 {
			break
		}
		// The last of a build's arguments ends before the shell.
		end := len(text)
		if next := nextAssignment(text[at[1]:]); next >= 0 && len(set)+1 < count {
			end = at[1] + next
		} else if shell := strings.Index(text, " /bin/"); what == "ARG" && shell >= at[1]-1 {
			end = shell
		}
		set = append(set, [2]string{what, strings.Trim(strings.TrimSpace(text[:end]), `"`)})
		text = strings.TrimLeft(text[end:], " ")
	}
	return set, text
}

// maxAssignments is how many variables of one step are told apart.
const maxAssignments = 256

// nextAssignment is where, behind a space, the next name begins; -1 if none does.
func nextAssignment(s string) int {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], ' ')
		if i < 0 {
			return -1
		}
		at += i + 1
		if m := assignment.FindStringIndex(s[at:]); m != nil && m[0] == 0 {
			return at
		}
	}
}

var (
	// secretNames are names of variables that have a secret as their value.
	secretNames = regexp.MustCompile(`(?i)(?:^|[_.-])(?:password|passwd|passphrase|pwd|pass|secret|secrets|token|api_?key|access_?key|secret_?key|private_?key|` +
		`encryption_?key|signing_?key|credentials?|auth_?key)(?:[_.-]?\d+)?$|(?i)(?:password|passwd|secret|token|apikey)$`)
	// elsewhere are names of where it is, or of what is about it.
	elsewhere = regexp.MustCompile(`(?i)(?:_|^)(?:file|path|dir|url|uri|host|name|user|id|ttl|expir\w*|length|policy|public\w*|pub|min|max|allow_empty|no|disable\w*|enable\w*|use|require\w*|random|old)(?:_|$)`)
	// values are what is no secret: switches, numbers, paths, what the shell fills in.
	noValues = regexp.MustCompile(`(?i)^(?:|true|false|yes|no|on|off|null|none|nil|undefined|unset|\d{1,5}|/[\w./-]*|[\w.-]+://[^@]*|[$%{<@].*|password|passwd|secret|token|` +
		`pass|test|todo|tbd|x+|\*+|-+|\.+)$`)
)

// isNamed tells whether the name of a variable says that its value is a secret, and
// it is not one that stands for it.
func isNamed(name, value string) bool {
	return secretNames.MatchString(name) && !elsewhere.MatchString(name) && !noValues.MatchString(strings.Trim(value, `"' `)) && !placeholders.MatchString(value)
}
