package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The image is built of what is here, and has nothing but the program, its chamber and
// certificates, for a user without rights.
func TestDockerfile(t *testing.T) {
	var d struct {
		Args   []string
		Stages []struct {
			Name, Base string
			Commands   []string
		}
	}
	read(t, &d, "dockerfile", "Dockerfile")
	last := d.Stages[len(d.Stages)-1]
	want(t, "what the image is made on", last.Base, "scratch")
	for _, c := range []string{"USER 65532:65532", "STOPSIGNAL SIGTERM", `ENTRYPOINT ["/usr/local/bin/detonaut"]`} {
		if !slices.Contains(last.Commands, c) {
			t.Errorf("the image has no %s: %q", c, last.Commands)
		}
	}
	// What is copied is there.
	for _, c := range d.Stages[0].Commands {
		files := strings.Fields(c)
		if files[0] != "COPY" {
			continue
		}
		for _, f := range files[1 : len(files)-1] {
			if _, err := os.Stat(filepath.Join("..", f)); err != nil {
				t.Error(err)
			}
		}
	}
	// It is built with the Go that the modules ask for, or a newer one of it.
	for _, file := range []string{"../go.mod", "../chamber/go.mod"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		needs := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.?(\d*)`).FindStringSubmatch(string(b))
		if !slices.ContainsFunc(d.Args, func(a string) bool { return strings.HasPrefix(a, "GO_VERSION="+needs[1]+".") }) {
			t.Errorf("%s needs Go %s, the image is built with %v", file, needs[1], d.Args)
		}
	}
	// Modules that are replaced by folders have to be there before the modules are downloaded.
	b, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(d.Stages[0].Commands, "\n")
	for _, m := range regexp.MustCompile(`(?m)^replace \S+ => \./(\S+)`).FindAllStringSubmatch(string(b), -1) {
		if !strings.Contains(all, m[1]+"/go.mod") {
			t.Errorf("go.mod of %s is not copied before the modules are downloaded", m[1])
		}
	}
}

func TestDockerfileRefusesNonsense(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Dockerfile")
	for _, text := range []string{"FROM scratch\nRUM true\n", "from scratch AS a\nFROM a as b\n", "FROM scratch\nCOPPY a b\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var d any
		if err := try(&d, "dockerfile", file); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

func TestCompose(t *testing.T) {
	var p map[string]any
	read(t, &p, "compose", "compose/compose.yaml")
	services, _ := at(p, "services").(map[string]any)
	for name, s := range services {
		if at(s, "privileged") != nil || len(list(at(s, "cap_add"))) > 0 || len(list(at(s, "devices"))) > 0 {
			t.Errorf("%s has more rights than it needs", name)
		}
		for _, port := range list(at(s, "ports")) {
			want(t, "where "+name+" is published", at(port, "host_ip"), "127.0.0.1")
		}
		if name != "migrate" && name != "bucket" && at(s, "healthcheck", "test") == nil {
			t.Errorf("nobody sees whether %s is well", name)
		}
	}
	for _, name := range []string{"server", "worker"} {
		s := services[name]
		want(t, name+" drops", at(s, "cap_drop"), []string{"ALL"})
		want(t, name+" has a read-only root", at(s, "read_only"), true)
		want(t, name+" waits for tables", at(s, "depends_on", "migrate", "condition"), "service_completed_successfully")
		for key, value := range at(s, "environment").(map[string]any) {
			if strings.Contains(strings.ToLower(key), "password") || strings.Contains(key, "ACCESS_KEY") {
				t.Errorf("%s has a secret in its environment: %s=%v", name, key, value)
			}
		}
	}
	want(t, "what confines the server", at(services["server"], "security_opt"), []string{"no-new-privileges:true"})
	options := list(at(services["worker"], "security_opt"))
	if !slices.Contains(options, "systempaths=unconfined") || slices.Contains(options, any("seccomp=unconfined")) {
		t.Errorf("a worker is confined by %v", options)
	}
	if _, err := os.Stat("compose/../seccomp/worker.json"); err != nil {
		t.Error(err)
	}
	want(t, "the network of the store", at(p, "networks", "store", "internal"), true)
	if networks := at(services["postgres"], "networks").(map[string]any); len(networks) != 1 {
		t.Errorf("the database is in %v", networks)
	}
	if at(services["worker"], "mem_limit") == nil {
		t.Error("several workers would each size themselves by the memory of the machine")
	}
	longer(t, at(services["worker"], "stop_grace_period"), at(services["worker"], "environment", "DETONAUT_WORKER_GRACE"))
}

// longer wants a worker to get more time to end than it lets what runs go on.
func longer(t *testing.T, stop, grace any) {
	t.Helper()
	var d [2]time.Duration
	for i, v := range []any{stop, grace} {
		var err error
		if d[i], err = time.ParseDuration(v.(string)); err != nil {
			t.Fatal(err)
		}
	}
	if d[0] < d[1]+20*time.Second {
		t.Errorf("a worker is killed after %v, what runs may go on for %v", d[0], d[1])
	}
}

// The script makes the secrets that the file names, and never others in their place.
func TestSecrets(t *testing.T) {
	var p map[string]any
	read(t, &p, "compose", "compose/compose.yaml")
	dir := filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.Command("sh", "compose/secrets.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	secrets, _ := at(p, "secrets").(map[string]any)
	if len(secrets) < 5 {
		t.Fatalf("there are %d secrets", len(secrets))
	}
	text := map[string]string{}
	for name, s := range secrets {
		b, err := os.ReadFile(filepath.Join(dir, filepath.Base(at(s, "file").(string))))
		if err != nil {
			t.Error(err)
		}
		if text[name] = string(b); len(b) < 32 {
			t.Errorf("%s has %d bytes", name, len(b))
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(text["pgpass"]), ":"+text["postgres_password"]) {
		t.Error("the password of the database is not the one that is given to it")
	}
	if err := exec.Command("sh", "compose/secrets.sh", dir).Run(); err == nil {
		t.Error("secrets that are there are made anew")
	}
}
