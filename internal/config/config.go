// Package config is the configuration of detonaut: its defaults, where a value
// may come from, and what makes sense.
//
// A value comes from the defaults, the configuration file, the environment or
// the command line, each stronger than the one before. The package does
// nothing with the values. They are the operator's, and trusted.
package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"runtime"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
)

// Config is the whole configuration. The YAML names of its fields, joined by
// dots, are the keys that errors and [Loaded.Source] speak of.
type Config struct {
	// Chamber is the path of detonaut-chamber; empty looks beside detonaut and
	// along PATH.
	Chamber string `yaml:"chamber"`
	Image   Image  `yaml:"image"`
	Run     Run    `yaml:"run"`
	// Machine is what a subject is told of the machine that it runs on.
	Machine Machine `yaml:"machine"`
	Rules   Rules   `yaml:"rules"`
	// Static says how images are read.
	Static Static `yaml:"static"`
	// Vulnerabilities says where known vulnerabilities are looked up.
	Vulnerabilities Vulnerabilities `yaml:"vulnerabilities"`
	// YARA and ClamAV are outside engines, which are used where they are asked for.
	YARA   YARA   `yaml:"yara"`
	ClamAV ClamAV `yaml:"clamav"`
	// Guests says what is reached for others than the operator.
	Guests Guests `yaml:"guests"`
	Scan   Scan   `yaml:"scan"`
	// Store says where reports are remembered.
	Store Store `yaml:"store"`
	// Serve says how that is served.
	Serve Serve `yaml:"serve"`
	// Worker says how jobs are worked at, Politeness how often registries are asked for them, and
	// Survey how sources of surveys are reached.
	Worker     Worker     `yaml:"worker"`
	Politeness Politeness `yaml:"politeness"`
	Survey     Survey     `yaml:"survey"`
	// Telemetry says what those who operate servers and workers are told.
	Telemetry Telemetry `yaml:"telemetry"`
}

// Image says how images are pulled, and what one may cost.
type Image struct {
	// Platform is "os/architecture[/variant]".
	Platform string `yaml:"platform"`
	// Cache is the directory of pulled images; empty is the user's cache
	// directory. CacheSize bounds what lies in it unused.
	Cache     string `yaml:"cache"`
	CacheSize Bytes  `yaml:"cache_size"`
	// LayerCache bounds the layers that are kept there for other images which have them; 0
	// keeps none.
	LayerCache Bytes `yaml:"layer_cache"`
	// PlainHTTP are registries that are spoken to without TLS.
	PlainHTTP []string `yaml:"plain_http"`
	// Insecure are registries whose certificate is not checked.
	Insecure []string `yaml:"insecure"`
	// Silence is how long a registry may send nothing.
	Silence time.Duration `yaml:"silence"`
	// MaxCompressed and MaxUncompressed bound all layers together, MaxEntries
	// the files in them, MaxRatio what one layer may grow to when unpacked,
	// MaxMetadata the names and attributes of all files, MaxDevices the device
	// nodes among them, MaxPath the bytes of one path, MaxSymlinks the symbolic
	// links on the way to one file.
	MaxCompressed   Bytes `yaml:"max_compressed"`
	MaxUncompressed Bytes `yaml:"max_uncompressed"`
	MaxEntries      int   `yaml:"max_entries"`
	MaxRatio        int   `yaml:"max_ratio"`
	MaxMetadata     Bytes `yaml:"max_metadata"`
	MaxDevices      int   `yaml:"max_devices"`
	MaxPath         int   `yaml:"max_path"`
	MaxSymlinks     int   `yaml:"max_symlinks"`
}

// Run says how a subject is run; see [plan.Plan] and [plan.Limits].
type Run struct {
	Profile   string        `yaml:"profile"`
	Detail    string        `yaml:"detail"`
	Duration  time.Duration `yaml:"duration"`
	Memory    Bytes         `yaml:"memory"`
	Processes int           `yaml:"processes"`
	FileSize  Bytes         `yaml:"file_size"`
	Disk      Bytes         `yaml:"disk"`
	Output    Bytes         `yaml:"output"`
	Events    int           `yaml:"events"`
	// Travel bounds the profile time. Stay keeps a run going in which nothing can
	// happen any more.
	Travel Travel `yaml:"travel"`
	Stay   bool   `yaml:"stay"`
	// NoBaits plants no credentials in files and variables.
	NoBaits bool `yaml:"no_baits"`
	// Network is simulated or none, or, for the run for which it is typed, live.
	Network string `yaml:"network"`
	// ResolveRandom has names that look random exist.
	ResolveRandom bool `yaml:"resolve_random"`
	// NoProbe keeps silent connections from being tried for a shell.
	NoProbe bool `yaml:"no_probe"`
	// Answers is the path of a file of canned answers; see [ReadAnswers].
	Answers string `yaml:"answers"`
	Live    Live   `yaml:"live"`
}

// Travel bounds how far clocks are moved on; see [plan.Travel].
type Travel struct {
	Days  int `yaml:"days"`
	Jumps int `yaml:"jumps"`
}

// Live bounds a live network; see [plan.Egress].
type Live struct {
	Allow       []string `yaml:"allow"`
	Ports       []uint16 `yaml:"ports"`
	Refuse      []string `yaml:"refuse"`
	Bytes       Bytes    `yaml:"bytes"`
	Connections int      `yaml:"connections"`
	Rate        int      `yaml:"rate"`
}

// Rules says by which rules tapes are explained and files are read.
type Rules struct {
	// Dirs are directories of rules, beside those that are built in and those of
	// installed packs. Only leaves these out.
	Dirs []string `yaml:"dirs"`
	Only bool     `yaml:"only"`
	// Packs is the directory of installed packs; empty is below the user's data
	// directory. Keys are files with the public keys by which packs are signed.
	Packs string   `yaml:"packs"`
	Keys  []string `yaml:"keys"`
}

// Static says how images are read.
type Static struct {
	// Memory bounds what is remembered of the files of earlier images; 0 remembers
	// nothing.
	Memory Bytes `yaml:"memory"`
	// AllLayers lists packages of lower layers, too, that upper ones removed.
	AllLayers bool `yaml:"all_layers"`
	// Ignore are files that say what does not count, VEX documents that do.
	Ignore []string `yaml:"ignore"`
	VEX    []string `yaml:"vex"`
	// Salt is the file with which hashes of secrets are made; empty is below the user's
	// configuration directory. It is made if it is not there.
	Salt string `yaml:"salt"`
	// Model is a file with a model of LightGBM that judges programs; empty is none. What
	// it takes for malware with at least the probability ModelThreshold is told.
	Model          string  `yaml:"model"`
	ModelThreshold float64 `yaml:"model_threshold"`
}

func (s Static) validate(bad func(key, format string, args ...any)) {
	if !(s.ModelThreshold > 0 && s.ModelThreshold <= 1) {
		bad("static.model_threshold", "must be more than 0 and at most 1")
	}
}

// Vulnerabilities says where the database of known vulnerabilities is, and where
// newer ones come from.
type Vulnerabilities struct {
	// Dir is the directory of databases; empty is below the user's cache directory.
	Dir string `yaml:"dir"`
	// URL is where they are published: that of a latest.json, or what is before
	// /v6/latest.json. Mirrors are tried after it, in their order.
	URL     string   `yaml:"url"`
	Mirrors []string `yaml:"mirrors"`
	// MaxAge is how old a database may be without a warning.
	MaxAge time.Duration `yaml:"max_age"`
	// MaxCompressed and MaxUncompressed bound an archive and the database in it.
	MaxCompressed   Bytes `yaml:"max_compressed"`
	MaxUncompressed Bytes `yaml:"max_uncompressed"`
}

// Scan says how a scan of many images goes.
type Scan struct {
	// Jobs is how many images are analysed at once.
	Jobs int `yaml:"jobs"`
}

// Default is the configuration where nobody says otherwise.
func Default() Config {
	l, egress, travel := plan.DefaultLimits(), plan.DefaultEgress(), plan.DefaultTravel()
	return Config{
		Image: Image{
			Platform:        "linux/" + runtime.GOARCH,
			CacheSize:       10 << 30,
			LayerCache:      4 << 30,
			Silence:         30 * time.Second,
			MaxCompressed:   16 << 30,
			MaxUncompressed: 48 << 30,
			MaxEntries:      1_000_000,
			MaxRatio:        250,
			MaxMetadata:     256 << 20,
			MaxDevices:      10_000,
			MaxPath:         4095,
			MaxSymlinks:     40,
		},
		Run: Run{
			Profile: string(plan.Default), Detail: string(plan.Normal),
			Duration: l.Duration, Memory: Bytes(l.Memory), Processes: l.Processes, FileSize: Bytes(l.FileSize),
			Disk: Bytes(l.Disk), Output: Bytes(l.Output), Events: int(l.Events),
			Travel:  Travel{Days: travel.Days, Jumps: travel.Jumps},
			Network: string(plan.Simulated),
			Live:    Live{Bytes: Bytes(egress.Bytes), Connections: egress.Connections, Rate: egress.Rate},
		},
		Machine: defaultMachine(),
		Static:  Static{Memory: 1 << 30, ModelThreshold: 0.9},
		Vulnerabilities: Vulnerabilities{
			URL: "https://grype.anchore.io/databases", MaxAge: 5 * 24 * time.Hour, // as grype's command has it
			MaxCompressed: 2 << 30, MaxUncompressed: 16 << 30,
		},
		Scan:  Scan{Jobs: 1},
		Serve: defaultServe(),

		Worker: defaultWorker(), Politeness: defaultPoliteness(),
	}
}

// Validate reports every value that makes no sense, each with its key. The
// error is [detonaut.ErrUsage].
func (c *Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s: %s", detonaut.ErrUsage, key, fmt.Sprintf(format, args...)))
	}
	if p := plan.Profile(c.Run.Profile); p != plan.Default && p != plan.Time {
		bad("run.profile", "%q is unknown: use %s or %s", c.Run.Profile, plan.Default, plan.Time)
	}
	if d := plan.Detail(c.Run.Detail); d != plan.Normal && d != plan.Full {
		bad("run.detail", "%q is unknown: use %s or %s", c.Run.Detail, plan.Normal, plan.Full)
	}
	if c.Image.MaxEntries > math.MaxInt32/2 { // positions of files have 32 bits
		bad("image.max_entries", "must be at most %d", math.MaxInt32/2)
	}
	c.Run.validateNetwork(bad)
	m := c.Machine.Plan()
	m.Validate(bad)
	c.Vulnerabilities.validate(bad)
	c.ClamAV.validate(bad)
	c.Guests.validate(bad)
	c.Static.validate(bad)
	c.Store.validate(bad)
	c.Serve.validate(bad)
	c.Worker.validate(bad)
	c.Politeness.validate(bad)
	c.Survey.validate(bad)
	c.Telemetry.validate(bad)
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"image.cache_size", int64(c.Image.CacheSize)},
		{"image.silence", int64(c.Image.Silence)},
		{"image.max_compressed", int64(c.Image.MaxCompressed)},
		{"image.max_uncompressed", int64(c.Image.MaxUncompressed)},
		{"image.max_entries", int64(c.Image.MaxEntries)},
		{"image.max_ratio", int64(c.Image.MaxRatio)},
		{"image.max_metadata", int64(c.Image.MaxMetadata)},
		{"image.max_devices", int64(c.Image.MaxDevices)},
		{"image.max_path", int64(c.Image.MaxPath)},
		{"image.max_symlinks", int64(c.Image.MaxSymlinks)},
		{"run.duration", int64(c.Run.Duration)},
		{"run.memory", int64(c.Run.Memory)},
		{"run.processes", int64(c.Run.Processes)},
		{"run.file_size", int64(c.Run.FileSize)},
		{"run.disk", int64(c.Run.Disk)},
		{"run.output", int64(c.Run.Output)},
		{"run.events", int64(c.Run.Events)},
		{"run.travel.days", int64(c.Run.Travel.Days)},
		{"run.travel.jumps", int64(c.Run.Travel.Jumps)},
		{"run.live.bytes", int64(c.Run.Live.Bytes)},
		{"run.live.connections", int64(c.Run.Live.Connections)},
		{"run.live.rate", int64(c.Run.Live.Rate)},
		{"vulnerabilities.max_age", int64(c.Vulnerabilities.MaxAge)},
		{"vulnerabilities.max_compressed", int64(c.Vulnerabilities.MaxCompressed)},
		{"vulnerabilities.max_uncompressed", int64(c.Vulnerabilities.MaxUncompressed)},
		{"scan.jobs", int64(c.Scan.Jobs)},
	} {
		if n.value <= 0 {
			bad(n.key, "must be greater than 0")
		}
	}
	return errors.Join(errs...)
}

func (v *Vulnerabilities) validate(bad func(key, format string, args ...any)) {
	check := func(key, text string) {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			bad(key, "%q is no URL of http or https", text)
		}
	}
	check("vulnerabilities.url", v.URL)
	for _, m := range v.Mirrors {
		check("vulnerabilities.mirrors", m)
	}
}

// Limits are those of a plan.
func (r *Run) Limits() plan.Limits {
	return plan.Limits{
		Duration: r.Duration, Memory: int64(r.Memory), Processes: r.Processes, FileSize: int64(r.FileSize),
		Disk: int64(r.Disk), Output: int64(r.Output), Events: uint64(r.Events),
	}
}
