package deploy_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/testenv"
)

// everything switches on what the chart has.
const everything = `
keda: {enabled: true}
monitoring: {podMonitor: true, rules: true, labels: {release: prometheus}}
networkPolicy: {ipv6: true, serverFrom: [{podSelector: {matchLabels: {app: ingress}}}]}
worker:
  updateDatabase: true
  seccomp: {type: Localhost, localhostProfile: detonaut/worker.json}
  appArmor: {type: Unconfined}
  graceSeconds: 300
config: {scan: {jobs: 2}}
env: [{name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://collector:4318"}]
imagePullSecrets: [{name: registry}]
`

// objects are those that the chart makes of some values, by kind and name.
func objects(t *testing.T, values string) map[string]any {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	var all []any
	read(t, &all, "chart", "helm/detonaut", file)
	found := map[string]any{}
	for _, o := range all {
		found[fmt.Sprintf("%v %v", at(o, "kind"), at(o, "metadata", "name"))] = o
	}
	if len(found) != len(all) {
		t.Errorf("of %d objects some have the same name", len(all))
	}
	return found
}

// env are the variables of a container that have a value.
func env(container any) map[string]string {
	all := map[string]string{}
	for _, e := range list(at(container, "env")) {
		v, _ := at(e, "value").(string)
		all[at(e, "name").(string)] = v
	}
	return all
}

func TestChart(t *testing.T) {
	plain, full := objects(t, ""), objects(t, everything)
	for kind, in := range map[string]bool{
		"Deployment test-server": true, "Deployment test-worker": true, "Job test-migrate": true, "Service test": true,
		"ConfigMap test-config": true, "Secret test-secret": true, "ServiceAccount test": true,
		"NetworkPolicy test-worker": true, "NetworkPolicy test-server": true,
		"PodDisruptionBudget test-server": true, "PodDisruptionBudget test-worker": true,
		"ScaledObject test-worker": false, "TriggerAuthentication test-database": false, "PodMonitor test": false, "PrometheusRule test": false,
	} {
		if _, ok := plain[kind]; ok != in {
			t.Errorf("without values there is %s: %v", kind, ok)
		}
		if full[kind] == nil {
			t.Errorf("with everything there is no %s", kind)
		}
	}
	for _, all := range []map[string]any{plain, full} {
		for _, name := range []string{"Deployment test-server", "Deployment test-worker", "Job test-migrate"} {
			confined(t, name, at(all[name], "spec", "template", "spec"))
		}
		selected(t, all)
	}
	if n := at(full["Deployment test-worker"], "spec", "replicas"); n != nil {
		t.Errorf("there are %v workers, and a scaler", n)
	}
	want(t, "how many workers there are", at(plain["Deployment test-worker"], "spec", "replicas"), 2)
	want(t, "when tables are made", at(plain["Job test-migrate"], "metadata", "annotations", "helm.sh/hook"), "pre-install,pre-upgrade")
	want(t, "what makes them", at(plain["Job test-migrate"], "spec", "template", "spec", "containers", 0, "args"), []string{"store", "migrate", "--blobs", "/tmp/none"})
	want(t, "what is configured", at(full["ConfigMap test-config"], "data", "config.yaml"), "scan:\n  jobs: 2\n")
	if groups := list(at(full["PrometheusRule test"], "spec", "groups")); len(groups) == 0 {
		t.Error("there are no alerts")
	}
}

// confined wants a pod to have no rights that it does not need.
func confined(t *testing.T, name string, pod any) {
	t.Helper()
	want(t, name+" gets no token", at(pod, "automountServiceAccountToken"), false)
	want(t, name+" runs as root", at(pod, "securityContext", "runAsNonRoot"), true)
	if at(pod, "hostNetwork") != nil || at(pod, "hostPID") != nil || at(pod, "hostIPC") != nil {
		t.Errorf("%s shares what is the machine's", name)
	}
	for _, v := range list(at(pod, "volumes")) {
		if at(v, "hostPath") != nil {
			t.Errorf("%s sees files of the machine: %v", name, v)
		}
	}
	for _, c := range slices.Concat(list(at(pod, "containers")), list(at(pod, "initContainers"))) {
		s := at(c, "securityContext")
		want(t, name+" drops", at(s, "capabilities", "drop"), []string{"ALL"})
		want(t, name+" adds", at(s, "capabilities", "add"), nil)
		want(t, name+" gets more rights", at(s, "allowPrivilegeEscalation"), false)
		want(t, name+" has a read-only root", at(s, "readOnlyRootFilesystem"), true)
		if at(s, "privileged") != nil {
			t.Errorf("%s is privileged", name)
		}
		mounted := map[any]bool{}
		for _, v := range list(at(pod, "volumes")) {
			mounted[at(v, "name")] = true
		}
		for _, m := range list(at(c, "volumeMounts")) {
			if !mounted[at(m, "name")] {
				t.Errorf("%s mounts %v, which is no volume", name, at(m, "name"))
			}
		}
		if !strings.HasSuffix(name, "migrate") && strings.HasPrefix(at(c, "args", 0).(string), "serve") {
			want(t, "how "+name+" is asked whether it is ready", at(c, "readinessProbe", "httpGet", "path"), "/readyz")
			want(t, "how "+name+" is asked whether it lives", at(c, "livenessProbe", "httpGet", "path"), "/healthz")
		}
	}
}

// selected wants what selects pods to select those that there are.
func selected(t *testing.T, all map[string]any) {
	t.Helper()
	pods := map[string]any{}
	for _, name := range []string{"server", "worker"} {
		pods[name] = at(all["Deployment test-"+name], "spec", "template", "metadata", "labels")
	}
	holds := func(what string, selector any, pod any) {
		for k, v := range selector.(map[string]any) {
			want(t, what+" selects by "+k, at(pod, k), v)
		}
	}
	for name, labels := range pods {
		holds("deployment", at(all["Deployment test-"+name], "spec", "selector", "matchLabels"), labels)
		holds("policy", at(all["NetworkPolicy test-"+name], "spec", "podSelector", "matchLabels"), labels)
		holds("budget", at(all["PodDisruptionBudget test-"+name], "spec", "selector", "matchLabels"), labels)
	}
	holds("service", at(all["Service test"], "spec", "selector"), pods["server"])
	if m := all["PodMonitor test"]; m != nil {
		holds("monitor", at(m, "spec", "selector", "matchLabels"), pods["worker"])
		want(t, "where metrics are", at(m, "spec", "podMetricsEndpoints", 0, "port"), "metrics")
	}
}

// Chambers work in the pod of a worker, and it has the time to put back what it does not finish.
func TestChartOfWorkers(t *testing.T) {
	for values, grace := range map[string]time.Duration{"": 2 * time.Minute, everything: 5 * time.Minute} {
		pod := at(objects(t, values)["Deployment test-worker"], "spec", "template", "spec")
		c := at(pod, "containers", 0)
		want(t, "users of the machine", at(pod, "hostUsers"), false)
		want(t, "what /proc is", at(c, "securityContext", "procMount"), "Unmasked")
		want(t, "machines", at(pod, "nodeSelector"), map[string]string{"detonaut.dev/pool": "worker"})
		want(t, "what is tolerated", at(pod, "tolerations", 0, "effect"), "NoSchedule")
		e := env(c)
		want(t, "grace", e["DETONAUT_WORKER_GRACE"], fmt.Sprintf("%ds", int(grace.Seconds())))
		longer(t, fmt.Sprintf("%vs", at(pod, "terminationGracePeriodSeconds")), e["DETONAUT_WORKER_GRACE"])
		if _, ok := e["AWS_SECRET_ACCESS_KEY"]; !ok {
			t.Error("it has no way into the store of blobs")
		}
		for k, v := range e {
			if strings.Contains(k, "ACCESS_KEY") && v != "" {
				t.Errorf("%s is in the open", k)
			}
		}
	}
}

// Workers reach names, the store and registries, and nothing private.
func TestChartKeepsWorkersIn(t *testing.T) {
	private := []string{
		"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "127.0.0.1", "100.64.0.1", "100.100.100.200",
		"fd00::1", "fd00:ec2::254", "fe80::1", "::1", "::ffff:10.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255",
	}
	for _, values := range []string{"", everything} {
		spec := at(objects(t, values)["NetworkPolicy test-worker"], "spec")
		want(t, "kinds", at(spec, "policyTypes"), []string{"Ingress", "Egress"})
		if in := list(at(spec, "ingress")); len(in) != 1 || len(list(at(in[0], "from"))) == 0 {
			t.Errorf("a worker is reached by %v", in)
		}
		ports := map[any]bool{}
		for _, rule := range list(at(spec, "egress")) {
			if len(list(at(rule, "to"))) == 0 || len(list(at(rule, "ports"))) == 0 {
				t.Errorf("a rule lets everything out: %v", rule)
			}
			for _, p := range list(at(rule, "ports")) {
				ports[at(p, "port")] = true
			}
			for _, peer := range list(at(rule, "to")) {
				if block := at(peer, "ipBlock"); block != nil {
					want(t, "to which port of the internet", rule.(map[string]any)["ports"], []map[string]any{{"port": 443, "protocol": "TCP"}})
					refuses(t, block, private)
				}
			}
		}
		if len(ports) != 4 {
			t.Errorf("ports %v", ports)
		}
	}
}

// refuses wants a block not to have any of these addresses.
func refuses(t *testing.T, block any, addresses []string) {
	t.Helper()
	all := netip.MustParsePrefix(at(block, "cidr").(string))
	for _, text := range addresses {
		a := netip.MustParseAddr(text)
		if !all.Contains(a) {
			continue
		}
		if !slices.ContainsFunc(list(at(block, "except")), func(p any) bool { return netip.MustParsePrefix(p.(string)).Contains(a) }) {
			t.Errorf("%v reaches %s", all, text)
		}
	}
}

func TestChartRefusesNonsense(t *testing.T) {
	for _, values := range []string{
		"databse: {secret: x}", "blobs: {url: /tmp}", "worker: {replicas: -1}", "worker: {seccomp: {type: RuntimeDefault}}",
		"worker: {seccomp: {type: Localhost}}", "database: {secret: ''}", "worker: {tmp: {sizeLimit: many}}",
	} {
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
			t.Fatal(err)
		}
		var all []any
		if err := try(&all, "chart", "helm/detonaut", file); err == nil {
			t.Errorf("taken: %s", values)
		}
	}
}

// The scaler asks something that the database of a store answers, and it answers 0 at first.
func TestScalerAsksTheQueue(t *testing.T) {
	o := objects(t, everything)["ScaledObject test-worker"]
	query, _ := at(o, "spec", "triggers", 0, "metadata", "query").(string)
	want(t, "what is scaled", at(o, "spec", "scaleTargetRef", "name"), "test-worker")
	url := testenv.PostgresURL(t)
	s, err := postgres.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func() string {
		t.Helper()
		out, err := exec.Command("psql", "--no-psqlrc", "-At", "-c", query, url).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", query, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	want(t, "jobs at first", ask(), "0")
	for _, ref := range []string{"docker.io/library/a:1", "docker.io/library/b:1"} {
		if _, err := s.Submit(t.Context(), store.Submission{Ref: detonaut.Ref(ref)}); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "jobs of two submissions", ask(), "2")
}
