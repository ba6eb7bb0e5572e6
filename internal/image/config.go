package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/regclient/regclient/types/platform"

	"github.com/detonaut/detonaut"
)

const (
	// maxConfig bounds an image's config, in bytes. Real ones are some KB.
	maxConfig = 8 << 20
	// maxString is the longest argument or variable that Linux starts a program
	// with: MAX_ARG_STRLEN, 32 pages.
	maxString = 128 << 10
	// maxStrings bounds how many of each list in a config there may be.
	maxStrings = 10_000
)

// parsePlatform parses "os/architecture[/variant]". Empty is what a container
// on this machine wants: linux, whatever our own system is.
func parsePlatform(s string) (platform.Platform, error) {
	if s == "" {
		s = "linux/" + runtime.GOARCH
	}
	p, err := platform.Parse(s)
	if err != nil || !strings.Contains(s, "/") || p.OSVersion != "" {
		return platform.Platform{}, fmt.Errorf("platform %q: want os/architecture[/variant]: %w", s, detonaut.ErrUsage)
	}
	return p, nil
}

// readConfig reads and verifies the config of an image, and says in our words
// what it and manifest m hold.
func readConfig(ctx context.Context, src source, m *v1.Manifest) (_ detonaut.Image, err error) {
	r, err := src.blob(ctx, m.Config)
	if err != nil {
		return detonaut.Image{}, fmt.Errorf("config: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	raw, err := limited(r, m.Config.Size)
	if err != nil {
		return detonaut.Image{}, fmt.Errorf("read config: %w", err)
	}
	if h, _, err := v1.SHA256(bytes.NewReader(raw)); err != nil || h != m.Config.Digest {
		return detonaut.Image{}, fmt.Errorf("config %s: has digest %s: %w", m.Config.Digest, h, detonaut.ErrCorrupt)
	}
	if err := checkKeys(raw); err != nil {
		return detonaut.Image{}, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	c, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return detonaut.Image{}, fmt.Errorf("config %s: parse: %s: %w", m.Config.Digest, clean(err), detonaut.ErrCorrupt)
	}
	if err := checkConfig(&c.Config); err != nil {
		return detonaut.Image{}, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	layers, err := imageLayers(m, c)
	if err != nil {
		return detonaut.Image{}, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	img := detonaut.Image{Created: created(c), Config: imageConfig(&c.Config), Layers: layers, History: history(c)}
	for _, l := range layers {
		img.Size += l.Size
	}
	img.Platform, err = configPlatform(c)
	return img, err
}

// created is the build time that a config claims. One that JSON cannot say, which
// a time zone makes of the years 0 and 9999, is as good as none.
func created(c *v1.ConfigFile) time.Time {
	t := c.Created.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

var platformRE = regexp.MustCompile(`^[a-z0-9_.-]{1,32}/[a-z0-9_.-]{1,32}(/[a-z0-9_.-]{1,32})?$`)

// configPlatform is the platform that a config says it is for.
func configPlatform(c *v1.ConfigFile) (string, error) {
	s := c.OS + "/" + c.Architecture
	if c.Variant != "" {
		s += "/" + c.Variant
	}
	if !platformRE.MatchString(s) {
		return "", fmt.Errorf("config: os, architecture and variant are %q: %w", cleanString(s), detonaut.ErrCorrupt)
	}
	return s, nil
}

// checkPlatform says whether an image for platform has is what was wanted.
func checkPlatform(want platform.Platform, has string) error {
	p, err := platform.Parse(has)
	if err != nil || !platform.Compatible(want, p) {
		return fmt.Errorf("wanted %s, there is %s: %w", want, has, detonaut.ErrPlatform)
	}
	return nil
}

// checkConfig refuses what no program can be started with.
func checkConfig(c *v1.Config) error {
	lists := []struct {
		field string
		value []string
	}{
		{"Entrypoint", c.Entrypoint},
		{"Cmd", c.Cmd},
		{"Env", c.Env},
		{"User", []string{c.User}},
		{"WorkingDir", []string{c.WorkingDir}},
		{"StopSignal", []string{c.StopSignal}},
		{"ExposedPorts", slices.Collect(maps.Keys(c.ExposedPorts))},
		{"Volumes", slices.Collect(maps.Keys(c.Volumes))},
		{"Healthcheck", healthcheck(c)},
		{"OnBuild", c.OnBuild},
		{"Labels", slices.Collect(maps.Keys(c.Labels))},
		{"Labels", slices.Collect(maps.Values(c.Labels))},
	}
	for _, l := range lists {
		if len(l.value) > maxStrings {
			return fmt.Errorf("%s: %w", l.field, over("elements", maxStrings))
		}
		for _, s := range l.value {
			if strings.ContainsRune(s, 0) {
				return fmt.Errorf("%s: has a zero byte: %w", l.field, detonaut.ErrCorrupt)
			}
			// Labels are not given to a program, and some hold whole documents.
			if len(s) > maxString && l.field != "Labels" {
				return fmt.Errorf("%s: %w", l.field, over("bytes in an element", maxString))
			}
		}
	}
	return nil
}

func imageConfig(c *v1.Config) detonaut.Config {
	return detonaut.Config{
		Entrypoint:   c.Entrypoint,
		Cmd:          c.Cmd,
		Env:          c.Env,
		User:         c.User,
		WorkingDir:   c.WorkingDir,
		ExposedPorts: slices.Sorted(maps.Keys(c.ExposedPorts)),
		Volumes:      slices.Sorted(maps.Keys(c.Volumes)),
		StopSignal:   c.StopSignal,
		Labels:       c.Labels,
		Healthcheck:  healthcheck(c),
		OnBuild:      c.OnBuild,
	}
}

func healthcheck(c *v1.Config) []string {
	if c.Healthcheck == nil {
		return nil
	}
	return c.Healthcheck.Test
}

// history is what a config claims of how it was built, as far as maxStrings allows:
// nobody runs it.
func history(c *v1.ConfigFile) (steps []detonaut.Instruction) {
	for _, h := range c.History[:min(len(c.History), maxStrings)] {
		steps = append(steps, detonaut.Instruction{CreatedBy: h.CreatedBy, Comment: h.Comment, Empty: h.EmptyLayer})
	}
	return steps
}

// imageLayers joins what the manifest and the config say of the layers. A
// history that does not fit the layers is left out rather than refused: it
// changes nothing of how the image runs, and others do run it.
func imageLayers(m *v1.Manifest, c *v1.ConfigFile) ([]detonaut.Layer, error) {
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		return nil, fmt.Errorf("rootfs.diff_ids: %d of them for %d layers: %w", len(c.RootFS.DiffIDs), len(m.Layers), detonaut.ErrCorrupt)
	}
	var steps []string
	for _, h := range c.History {
		if !h.EmptyLayer {
			steps = append(steps, h.CreatedBy)
		}
	}
	layers := make([]detonaut.Layer, len(m.Layers))
	for i, l := range m.Layers {
		if err := checkAlgorithm(fmt.Sprintf("rootfs.diff_ids: layer %d", i+1), c.RootFS.DiffIDs[i]); err != nil {
			return nil, err
		}
		layers[i] = detonaut.Layer{
			Digest:    detonaut.Digest(l.Digest.String()),
			DiffID:    detonaut.Digest(c.RootFS.DiffIDs[i].String()),
			MediaType: string(l.MediaType),
			Size:      l.Size,
		}
		if len(steps) == len(layers) {
			layers[i].CreatedBy = steps[i]
		}
	}
	return layers, nil
}
