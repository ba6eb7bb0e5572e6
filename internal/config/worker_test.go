package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/config"
)

func TestWorker(t *testing.T) {
	c := config.Default()
	if n := c.Worker.Images(); n != 0 {
		t.Errorf("auto: got %d", n)
	}
	c.Worker.Concurrency = "7"
	c.Politeness.Rates, c.Politeness.Default = []string{"Registry.Example:5000=20/40", "quay.io=0.5"}, "3"
	c.Survey.Quay = "http://127.0.0.1:1/api"
	if err := c.Validate(); err != nil || c.Worker.Images() != 7 {
		t.Errorf("got %d and %v", c.Worker.Images(), err)
	}
	hosts, other, err := c.Politeness.HostRates()
	want := map[string]config.Rate{"registry.example:5000": {Second: 20, Burst: 40}, "quay.io": {Second: 0.5, Burst: 1}}
	if diff := cmp.Diff(want, hosts); err != nil || diff != "" || other != (config.Rate{Second: 3, Burst: 3}) {
		t.Errorf("got %+v and %v (-want +got):\n%s", other, err, diff)
	}
}

func TestWorkerRefuses(t *testing.T) {
	for _, test := range []struct {
		change func(c *config.Config)
		want   string
	}{
		{func(c *config.Config) { c.Worker.Concurrency = "many" }, "worker.concurrency"},
		{func(c *config.Config) { c.Worker.Concurrency = "0" }, "worker.concurrency"},
		{func(c *config.Config) { c.Worker.Concurrency = "99999" }, "worker.concurrency"},
		{func(c *config.Config) { c.Worker.Catalogue = -1 }, "worker.catalogue"},
		{func(c *config.Config) { c.Worker.Grace = -1 }, "worker.grace"},
		{func(c *config.Config) { c.Worker.Reserve = -1 }, "worker.reserve"},
		{func(c *config.Config) { c.Worker.Lease = time.Minute }, "worker.lease"},
		{func(c *config.Config) { c.Worker.Lease = 0 }, "worker.lease"},
		{func(c *config.Config) { c.Worker.Limit = 0 }, "worker.limit"},
		{func(c *config.Config) { c.Worker.Ahead = 0 }, "worker.ahead"},
		{func(c *config.Config) { c.Politeness.Patience = 0 }, "politeness.patience"},
		{func(c *config.Config) { c.Politeness.Rates = []string{"quay.io"} }, "politeness.rates"},
		{func(c *config.Config) { c.Politeness.Rates = []string{"=1"} }, "politeness.rates"},
		{func(c *config.Config) { c.Politeness.Rates = []string{"quay.io=NaN"} }, "politeness.rates"},
		{func(c *config.Config) { c.Politeness.Rates = []string{"quay.io=0"} }, "politeness.rates"},
		{func(c *config.Config) { c.Politeness.Rates = []string{"quay.io=1/0"} }, "politeness.rates"},
		{func(c *config.Config) { c.Politeness.Default = "quay.io=1" }, "politeness.default"},
		{func(c *config.Config) { c.Survey.DockerHub = "hub.example" }, "survey.docker_hub"},
	} {
		c := config.Default()
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}
