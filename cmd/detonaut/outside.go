package main

import (
	"context"
	"fmt"

	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/doctor"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/clamav"
	"github.com/detonaut/detonaut/internal/static/yara"
)

// outside are the outside engines that the configuration asks for, and what is open of
// them. One that cannot be had fails its stage, and nothing else.
func (a *app) outside(ctx context.Context, cfg *config.Loaded, warn func(string)) (all []static.Analyzer, open closers) {
	if len(cfg.YARA.Rules) > 0 {
		y, err := openYARA(ctx, cfg.YARA)
		if err != nil {
			all = append(all, static.Missing{Analyzer: "yara", Err: err})
		} else {
			all, open = append(all, y), append(open, y)
			for _, p := range y.Problems() {
				warn(fmt.Sprintf("YARA rules left out: %s: %s", p.File, p.Reason))
			}
		}
	}
	if cfg.ClamAV.Address != "" {
		c, err := openClamAV(ctx, cfg.ClamAV)
		if err != nil {
			all = append(all, static.Missing{Analyzer: "clamav", Err: err})
		} else {
			all = append(all, c)
			if w := c.Warning(); w != "" {
				warn(w)
			}
		}
	}
	return all, open
}

func openYARA(ctx context.Context, c config.YARA) (*yara.Analyzer, error) {
	return yara.Open(ctx, yara.Options{Rules: c.Rules, Command: c.Command})
}

func openClamAV(ctx context.Context, c config.ClamAV) (*clamav.Analyzer, error) {
	network, address := c.Socket()
	return clamav.Open(ctx, clamav.Options{Network: network, Address: address})
}

// engines are what doctor looks for: what the configuration asks for, or else what is
// where it usually is.
func engines(cfg config.Config) []doctor.Engine {
	return []doctor.Engine{
		{Name: "yara", Asked: len(cfg.YARA.Rules) > 0 || cfg.YARA.Command != "", Find: func(ctx context.Context) (detail, warning string, err error) {
			if detail, err = yara.Installed(ctx, cfg.YARA.Command); err != nil || len(cfg.YARA.Rules) == 0 {
				return detail, "", err
			}
			y, err := openYARA(ctx, cfg.YARA)
			if err != nil {
				return "", "", err
			}
			if _, why := y.Lack(); why != "" {
				warning = why
			}
			return fmt.Sprintf("%s, %d rules", detail, y.Rules()), warning, y.Close()
		}},
		{Name: "clamav", Asked: cfg.ClamAV.Address != "", Find: func(ctx context.Context) (detail, warning string, err error) {
			at := cfg.ClamAV
			if at.Address == "" {
				at.Address = config.DefaultClamd
			}
			c, err := openClamAV(ctx, at)
			if err != nil {
				return "", "", err
			}
			return c.Describe() + ", at " + at.Address, c.Warning(), nil
		}},
	}
}
