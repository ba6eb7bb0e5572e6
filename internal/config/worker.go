package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Worker says how jobs are worked at, by serve, worker and survey run.
type Worker struct {
	// Concurrency is how many images are analysed at once; [Auto] is as many as the machine bears.
	Concurrency string `yaml:"concurrency"`
	// Catalogue is how many jobs of surveys list repositories, and look what is in them, at once.
	Catalogue int `yaml:"catalogue"`
	// Grace is for how long what runs may go on when a worker is to end.
	Grace time.Duration `yaml:"grace"`
	// Lease is for how long a job is that of a worker that is not heard of.
	Lease time.Duration `yaml:"lease"`
	// Limit is how long one analysis may take.
	Limit time.Duration `yaml:"limit"`
	// Ahead is how many jobs of surveys wait in the queue.
	Ahead int `yaml:"ahead"`
	// Reserve is how much memory is left to others; of a small machine at most an eighth.
	Reserve Bytes `yaml:"reserve"`
}

// Auto is the concurrency of who decides by memory and processors.
const Auto = "auto"

func defaultWorker() Worker {
	return Worker{
		Concurrency: Auto, Catalogue: 4, Grace: time.Minute, Lease: 30 * time.Second, Limit: time.Hour,
		Ahead: 500, Reserve: 1 << 30,
	}
}

// Images is how many images are analysed at once; 0 is as many as the machine bears.
func (w *Worker) Images() int {
	n, _ := strconv.Atoi(w.Concurrency) // Validate has told
	return n
}

// maxImages bounds how many images are analysed at once.
const maxImages = 10_000

func (w *Worker) validate(bad func(key, format string, args ...any)) {
	if n, err := strconv.Atoi(w.Concurrency); w.Concurrency != Auto && (err != nil || n < 1 || n > maxImages) {
		bad("worker.concurrency", "%q is neither %s nor a number from 1 to %d", w.Concurrency, Auto, maxImages)
	}
	if w.Catalogue < 0 {
		bad("worker.catalogue", "must not be less than 0")
	}
	if w.Grace < 0 {
		bad("worker.grace", "must not be less than 0")
	}
	if w.Reserve < 0 {
		bad("worker.reserve", "must not be less than 0")
	}
	if w.Lease > 40*time.Second { // what a dead worker had is to run elsewhere within a minute
		bad("worker.lease", "must be at most 40s")
	}
	for _, n := range []struct {
		key   string
		value int64
	}{{"worker.lease", int64(w.Lease)}, {"worker.limit", int64(w.Limit)}, {"worker.ahead", int64(w.Ahead)}} {
		if n.value <= 0 {
			bad(n.key, "must be greater than 0")
		}
	}
}

// Politeness says how often registries are asked, by all processes with one database together.
type Politeness struct {
	// Rates are "HOST=REQUESTS[/BURST]", in requests a second: "registry.example:5000=20/40". Hosts
	// that are not named here are asked as docs/survey.md says; Default, written without the host, is
	// for all of which that says nothing.
	Rates   []string `yaml:"rates"`
	Default string   `yaml:"default"`
	// Patience is for how long a request waits for its turn before its job is put back.
	Patience time.Duration `yaml:"patience"`
}

func defaultPoliteness() Politeness { return Politeness{Patience: 20 * time.Second} }

// Rate is how often a host is asked.
type Rate struct {
	Second float64
	Burst  int
}

// HostRates are those of Rates, by host, and the default; zero leaves it open.
func (p *Politeness) HostRates() (hosts map[string]Rate, other Rate, err error) {
	hosts = map[string]Rate{}
	for _, text := range p.Rates {
		host, rate, ok := strings.Cut(text, "=")
		r, rok := parseRate(rate)
		if host = strings.ToLower(strings.TrimSpace(host)); !ok || !rok || host == "" || strings.ContainsAny(host, "/ \t@") {
			return nil, other, fmt.Errorf("%q is no HOST=REQUESTS[/BURST] such as registry.example=20/40", text)
		}
		hosts[host] = r
	}
	if p.Default != "" {
		ok := false
		if other, ok = parseRate(p.Default); !ok {
			return nil, other, fmt.Errorf("%q is no REQUESTS[/BURST] such as 20/40", p.Default)
		}
	}
	return hosts, other, nil
}

// maxRate bounds a rate, in requests a second.
const maxRate = 100_000

// parseRate parses "20/40"; a burst that is not told is what comes in a second.
func parseRate(text string) (r Rate, ok bool) {
	second, burst, told := strings.Cut(strings.TrimSpace(text), "/")
	n, err := strconv.ParseFloat(second, 64)
	if err != nil || !(n > 0 && n <= maxRate) {
		return r, false
	}
	r = Rate{Second: n, Burst: max(int(n), 1)}
	if told {
		if r.Burst, err = strconv.Atoi(burst); err != nil || r.Burst < 1 || r.Burst > maxRate {
			return r, false
		}
	}
	return r, true
}

func (p *Politeness) validate(bad func(key, format string, args ...any)) {
	if p.Patience <= 0 {
		bad("politeness.patience", "must be greater than 0")
	}
	if _, _, err := (&Politeness{Rates: p.Rates}).HostRates(); err != nil {
		bad("politeness.rates", "%s", err)
	}
	if _, _, err := (&Politeness{Default: p.Default}).HostRates(); err != nil {
		bad("politeness.default", "%s", err)
	}
}

// Survey says how the sources of surveys are reached.
type Survey struct {
	// DockerHub, Quay and GitHub are the URLs of their APIs; empty is the public ones.
	DockerHub string `yaml:"docker_hub"`
	Quay      string `yaml:"quay"`
	GitHub    string `yaml:"github"`
	// These are files with what is shown to them: a token, or USER:PASSWORD for Harbor.
	DockerHubToken string `yaml:"docker_hub_token"`
	QuayToken      string `yaml:"quay_token"`
	GitHubToken    string `yaml:"github_token"`
	HarborLogin    string `yaml:"harbor_login"`
}

func (s *Survey) validate(bad func(key, format string, args ...any)) {
	for _, u := range []struct{ key, text string }{{"survey.docker_hub", s.DockerHub}, {"survey.quay", s.Quay}, {"survey.github", s.GitHub}} {
		if u.text != "" && !web(u.text) {
			bad(u.key, "%q is no URL of http or https", u.text)
		}
	}
}
