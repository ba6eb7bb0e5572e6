package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/internal/testenv"
)

// actorsNamed builds those of these names and returns where their images are.
func actorsNamed(t *testing.T, names ...string) (dir string) {
	t.Helper()
	var some []cast.Actor
	for _, a := range cast.All() {
		for _, name := range names {
			if a.Name == name {
				some = append(some, a)
			}
		}
	}
	dir = t.TempDir()
	if err := cast.Build(t.Context(), testenv.Root(t), dir, some); err != nil {
		t.Fatal(err)
	}
	return dir
}

// gaveAway are the lines of the actor that found something.
var gaveAway = regexp.MustCompile(`(?m)^.*GAVE AWAY.*$`)

// The usual checks find an ordinary machine, and the report lists them.
func TestMachineGivesNothingAway(t *testing.T) {
	dir := actorsNamed(t, "look", "hello")
	r := scan(t, "oci-dir:"+filepath.Join(dir, "look"))
	for _, line := range gaveAway.FindAllString(r.Run.Output, -1) {
		t.Error(line)
	}
	for _, tell := range []string{"gvisor", "runsc", "sentry", "4.19.0", "2016", "unknown", "Ready!"} {
		if strings.Contains(strings.ToLower(r.Run.Output), strings.ToLower(tell)) {
			t.Errorf("the output has %q:\n%s", tell, r.Run.Output)
		}
	}
	if n := strings.Count(r.Run.Output, " nothing\n"); n != 14 || r.Run.ExitCode != 0 {
		t.Errorf("%d checks found nothing, want all 14; exit code %d; output:\n%s", n, r.Run.ExitCode, r.Run.Output)
	}
	want := []string{
		"boot parameters", "cgroup", "clock", "container marker", "hardware names", "hypervisor", "kernel log", "kernel modules", "kernel version",
		"memory", "mounts", "network address", "processor",
	}
	if got := checked(r); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("checks = %q, want %q", got, want)
	}
	if got := checked(scan(t, "oci-dir:"+filepath.Join(dir, "hello"))); len(got) > 0 {
		t.Errorf("a program that only starts is said to have looked at %q", got)
	}
}

func checked(r *detonaut.Report) (names []string) {
	for _, c := range r.Coverage.Checks {
		names = append(names, c.Name)
	}
	return names
}

// A machine that is configured is the one that is seen.
func TestMachineIsConfigured(t *testing.T) {
	dir := actorsNamed(t, "look")
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte(`machine:
  release: 6.8.0-1021-gcp
  version: "#23-Ubuntu SMP Mon Dec  9 16:59:33 UTC 2024"
  processor: AMD EPYC 7B12
  vendor: Google
  product: Google Compute Engine
  memory: 16GiB
  uptime: 100h
  mac: 42:01:0a:80:00:07
`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := scan(t, "oci-dir:"+filepath.Join(dir, "look"), "--config", config)
	for _, want := range []string{
		`uname +6\.8\.0-1021-gcp #23-Ubuntu`, `/proc/version +Linux version 6\.8\.0-1021-gcp .* #23-Ubuntu`, `/proc/meminfo +MemTotal: +159\d{5} kB`,
		`sys_vendor Google`, `product_name Google Compute Engine`, `eth0/address +42:01:0a:80:00:07`, `syslog +<5>\[ *0\.0+\] Linux version 6\.8\.0`,
	} {
		if !regexp.MustCompile(want).MatchString(r.Run.Output) {
			t.Errorf("the output has no %s", want)
		}
	}
	for _, line := range gaveAway.FindAllString(r.Run.Output, -1) {
		t.Error(line)
	}
	if t.Failed() {
		t.Logf("output:\n%s", r.Run.Output)
	}
}
