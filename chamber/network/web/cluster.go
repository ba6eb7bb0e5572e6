package web

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// cluster answers for what runs containers: the API of Kubernetes, a kubelet,
// etcd, and the API of Docker. All of it lets everybody in.
func (s *Site) cluster(q *request) (Response, bool) {
	switch q.port {
	case 2375, 2376, 2377:
		return s.docker(q), true
	case 10250, 10255:
		return s.kubelet(q), true
	case 2379, 4001:
		return s.etcd(q), true
	case 6443:
		return s.kubernetes(q), true
	}
	switch {
	case q.goesTo("kubernetes", "kubernetes.default", "10.96.0.1") || strings.HasPrefix(q.host, "kubernetes.default.svc"):
		return s.kubernetes(q), true
	case dockerPath().MatchString(q.path):
		return s.docker(q), true
	case kubernetesPath().MatchString(q.path), numeric(q.host) && (strings.HasPrefix(q.path, "/apis/") || q.path == "/apis" || q.path == "/api"):
		return s.kubernetes(q), true
	}
	return Response{}, false
}

// Paths that give these APIs away on any host.
var (
	dockerPath     = compiled(`^(/v1\.\d\d)?/(_ping|containers/(json|create)|images/(json|create))$|^/v1\.\d\d/(info|version|containers/|exec/|images/|networks|volumes)`)
	kubernetesPath = compiled(`^/api/v1/(namespaces|nodes|pods|secrets)(/|$)|^/apis/(apps|batch|authorization\.k8s\.io|rbac\.authorization\.k8s\.io)/v1`)
)

func numeric(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// object is part of a reply in JSON.
type object = map[string]any

// kubernetesVersion is that of the cluster; others follow from it.
const kubernetesVersion = "v1.31.6"

func (s *Site) kubernetes(q *request) Response {
	a := s.kubernetesAnswer(q)
	a.Answer = "kubernetes"
	return a.with("Server", "").with("Audit-Id", uuid(s.token(32, "audit", q.path))).with("Cache-Control", "no-cache, private")
}

func (s *Site) kubernetesAnswer(q *request) Response {
	switch p := strings.TrimSuffix(q.path, "/"); p {
	case "":
		return kube(object{"paths": []string{"/api", "/api/v1", "/apis", "/apis/apps/v1", "/apis/batch/v1", "/healthz", "/livez", "/readyz", "/version"}})
	case "/healthz", "/livez", "/readyz":
		return reply("", http.StatusOK, "text/plain; charset=utf-8", "ok")
	case "/version":
		return kube(object{
			"major": "1", "minor": "31", "gitVersion": kubernetesVersion, "gitCommit": s.token(40, "kubernetes"), "gitTreeState": "clean",
			"buildDate": stamp(epoch), "goVersion": "go1.22.12", "compiler": "gc", "platform": "linux/amd64",
		})
	case "/api":
		return kube(object{"kind": "APIVersions", "versions": []string{"v1"}, "serverAddressByClientCIDRs": []object{{"clientCIDR": "0.0.0.0/0", "serverAddress": privateAddress + ":6443"}}})
	case "/apis":
		return kube(object{"kind": "APIGroupList", "apiVersion": "v1", "groups": apiGroups()})
	}
	group, resources := apiResources(strings.Trim(q.path, "/"))
	if resources != nil {
		return kube(object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources})
	}
	if m := resourcePath().FindStringSubmatch(q.path); m != nil {
		return s.resource(q, kubeResource{version: cmp.Or(m[1], m[2]), namespace: m[3], name: m[4], item: m[5], part: m[6]})
	}
	return kubeStatus(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
}

// resourcePath is /api/v1 or /apis/GROUP/VERSION, perhaps a namespace, then the
// name of a resource, perhaps an item and a part of it.
var resourcePath = compiled(`^/(?:api/(v1)|apis/([a-z0-9.-]+/v\d\w*))(?:/namespaces/([a-z0-9-]+))?(?:/([a-z]+))(?:/([a-z0-9.-]+))?(?:/([a-z]+))?/?$`)

func kube(o object) Response { return reply("", http.StatusOK, "application/json", toJSON(o)) }

func kubeStatus(status int, reason, message string) Response {
	word := "Failure"
	if status < 300 {
		word = "Success"
	}
	return reply("", status, "application/json", toJSON(object{
		"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": word, "reason": reason, "message": message, "code": status,
	}))
}

// kinds of resources, by group and version; true for those in a namespace.
var kubeKinds = []struct {
	group, name, kind string
	namespaced        bool
}{
	{"v1", "configmaps", "ConfigMap", true},
	{"v1", "events", "Event", true},
	{"v1", "namespaces", "Namespace", false},
	{"v1", "nodes", "Node", false},
	{"v1", "pods", "Pod", true},
	{"v1", "secrets", "Secret", true},
	{"v1", "serviceaccounts", "ServiceAccount", true},
	{"v1", "services", "Service", true},
	{"apps/v1", "daemonsets", "DaemonSet", true},
	{"apps/v1", "deployments", "Deployment", true},
	{"apps/v1", "statefulsets", "StatefulSet", true},
	{"batch/v1", "cronjobs", "CronJob", true},
	{"batch/v1", "jobs", "Job", true},
	{"authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false},
	{"authorization.k8s.io/v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false},
	{"rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false},
	{"rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false},
}

func apiGroups() (groups []object) {
	for _, k := range kubeKinds {
		name, version, ok := strings.Cut(k.group, "/")
		if !ok || slices.ContainsFunc(groups, func(g object) bool { return g["name"] == name }) {
			continue
		}
		v := object{"groupVersion": k.group, "version": version}
		groups = append(groups, object{"name": name, "versions": []object{v}, "preferredVersion": v})
	}
	return groups
}

// apiResources is what a group has: path is api/v1 or apis/GROUP/VERSION.
func apiResources(path string) (group string, out []object) {
	group, ok := strings.CutPrefix(path, "apis/")
	if !ok {
		group = strings.TrimPrefix(path, "api/")
	}
	for _, k := range kubeKinds {
		if k.group == group && (group == "v1") == !ok {
			out = append(out, object{
				"name": k.name, "singularName": strings.ToLower(k.kind), "namespaced": k.namespaced, "kind": k.kind,
				"verbs": []string{"create", "delete", "get", "list", "patch", "update", "watch"},
			})
		}
	}
	return group, out
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// kubelet is the API of a node.
func (s *Site) kubelet(q *request) Response {
	const answer = "kubelet"
	switch {
	case strings.HasPrefix(q.path, "/pods"), strings.HasPrefix(q.path, "/runningpods"):
		return reply(answer, http.StatusOK, "application/json", toJSON(object{"kind": "PodList", "apiVersion": "v1", "metadata": object{}, "items": []object{s.pod("default", podName)}}))
	case strings.HasPrefix(q.path, "/healthz"):
		return reply(answer, http.StatusOK, "text/plain; charset=utf-8", "ok")
	case strings.HasPrefix(q.path, "/run/"), strings.HasPrefix(q.path, "/containerLogs/"):
		return reply(answer, http.StatusOK, "text/plain; charset=utf-8", "\n")
	case strings.HasPrefix(q.path, "/exec/"):
		return reply(answer, http.StatusFound, "", "").with("Location", "/cri/exec/"+s.token(8, q.path))
	case strings.HasPrefix(q.path, "/spec"), strings.HasPrefix(q.path, "/stats"):
		return reply(answer, http.StatusOK, "application/json", `{"node":{"nodeName":"node-1"}}`)
	}
	return reply(answer, http.StatusNotFound, "text/plain; charset=utf-8", "404 page not found\n")
}

// etcd is a store with one key; versions 2 and 3 (its JSON gateway).
func (s *Site) etcd(q *request) Response {
	const answer = "etcd"
	header := object{"cluster_id": "14841639068965178418", "member_id": "10276657743932975437", "revision": "8124", "raft_term": "4"}
	switch {
	case q.path == "/version":
		return reply(answer, http.StatusOK, "application/json", `{"etcdserver":"3.5.16","etcdcluster":"3.5.0"}`)
	case q.path == "/health":
		return reply(answer, http.StatusOK, "application/json", `{"health":"true","reason":""}`)
	case strings.HasPrefix(q.path, "/v2/keys"):
		return reply(answer, http.StatusOK, "application/json", toJSON(object{"action": "get", "node": object{"dir": true, "nodes": []object{
			{"key": "/registry", "dir": true, "modifiedIndex": 4, "createdIndex": 4},
		}}}))
	case strings.HasSuffix(q.path, "/kv/range"):
		return reply(answer, http.StatusOK, "application/json", toJSON(object{"header": header, "count": "1", "kvs": []object{{
			"key": encoded("/registry/secrets/default/" + tokenSecret), "value": encoded(s.opts.Baits.Value("kubernetes-token")), "version": "1",
		}}}))
	case strings.HasPrefix(q.path, "/v3"):
		return reply(answer, http.StatusOK, "application/json", toJSON(object{"header": header}))
	}
	return reply(answer, http.StatusNotFound, "text/plain; charset=utf-8", "404 page not found\n")
}
