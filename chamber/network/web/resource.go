package web

import (
	"encoding/json"
	"net/http"
	"strings"
)

// A kubeResource is what a request to Kubernetes is about.
type kubeResource struct{ version, namespace, name, item, part string }

const (
	podName     = "app-6d8f9b7c5d-x2k4q"
	tokenSecret = "default-token-x7k2p"
	maxEcho     = 256 << 10 // bytes of an object that is sent back
)

// resource reads, makes or removes a resource. Nothing is kept: what is made is
// sent back as if it had been.
func (s *Site) resource(q *request, r kubeResource) Response {
	kind := ""
	for _, k := range kubeKinds {
		if k.group == r.version && k.name == r.name {
			kind = k.kind
		}
	}
	if kind == "" {
		return kubeStatus(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
	switch {
	case q.Method == http.MethodDelete:
		return kubeStatus(http.StatusOK, "", "")
	case r.part == "exec" || r.part == "attach" || r.part == "portforward":
		return kubeStatus(http.StatusBadRequest, "BadRequest", "Upgrade request required")
	case r.part == "log":
		return reply("", http.StatusOK, "text/plain", "")
	case r.name == "serviceaccounts" && r.part == "token":
		return made(http.StatusCreated, q.body, object{"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"},
			object{"token": s.opts.Baits.Value("kubernetes-token"), "expirationTimestamp": stamp(s.hour().AddDate(0, 0, 1))})
	case q.Method == http.MethodPost:
		return s.create(q, r, kind)
	case !q.reads():
		return made(http.StatusOK, q.body, s.described(r, kind, r.item), nil)
	}
	items := s.items(r)
	if r.item == "" {
		return kube(object{"kind": kind + "List", "apiVersion": r.version, "metadata": object{"resourceVersion": "8124"}, "items": items})
	}
	for _, i := range items {
		if i["metadata"].(object)["name"] == r.item {
			i["kind"], i["apiVersion"] = kind, r.version
			return kube(i)
		}
	}
	return kubeStatus(http.StatusNotFound, "NotFound", r.name+" \""+r.item+"\" not found")
}

// create makes a resource, or answers a review, which is made too.
func (s *Site) create(q *request, r kubeResource, kind string) Response {
	var status object
	switch r.name {
	case "selfsubjectaccessreviews":
		status = object{"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"default-admin\""}
	case "selfsubjectrulesreviews":
		status = object{
			"incomplete":       false,
			"nonResourceRules": []object{{"verbs": []string{"*"}, "nonResourceURLs": []string{"*"}}},
			"resourceRules":    []object{{"verbs": []string{"*"}, "apiGroups": []string{"*"}, "resources": []string{"*"}}},
		}
	case "pods":
		status = object{"phase": "Pending", "qosClass": "BestEffort"}
	}
	return made(http.StatusCreated, q.body, s.described(r, kind, ""), status)
}

// described is the part of an object that the server adds.
func (s *Site) described(r kubeResource, kind, name string) object {
	metadata := object{"uid": uuid(s.token(32, r.name, name)), "resourceVersion": "8125", "creationTimestamp": stamp(s.opts.Now().UTC())}
	if r.namespace != "" {
		metadata["namespace"] = r.namespace
	}
	if name != "" {
		metadata["name"] = name
	}
	return object{"kind": kind, "apiVersion": r.version, "metadata": metadata}
}

// made sends an object back with what the server adds to it.
func made(status int, body []byte, added, state object) Response {
	sent := object{}
	if len(body) <= maxEcho {
		_ = json.Unmarshal(body, &sent) // YAML and protobuf come back bare
	}
	if sent == nil { // it was null
		sent = object{}
	}
	if metadata, ok := sent["metadata"].(object); ok {
		for k, v := range added["metadata"].(object) {
			metadata[k] = v
		}
		added["metadata"] = metadata
	}
	for k, v := range added {
		sent[k] = v
	}
	if state != nil {
		sent["status"] = state
	}
	return reply("", status, "application/json", toJSON(sent))
}

// items are what there is of a resource.
func (s *Site) items(r kubeResource) []object {
	in := func(namespace string) bool { return r.namespace == "" || r.namespace == namespace }
	described := func(namespace, name string, more object) object {
		metadata := object{"name": name, "uid": uuid(s.token(32, r.name, name)), "resourceVersion": "4711", "creationTimestamp": stamp(epoch)}
		if namespace != "" {
			metadata["namespace"] = namespace
		}
		more["metadata"] = metadata
		return more
	}
	items := []object{}
	switch r.name {
	case "namespaces":
		for _, name := range []string{"default", "kube-public", "kube-system", "production"} {
			items = append(items, described("", name, object{"status": object{"phase": "Active"}}))
		}
	case "nodes":
		items = append(items, described("", "node-1", object{"status": object{
			"addresses": []object{{"type": "InternalIP", "address": privateAddress}, {"type": "Hostname", "address": "node-1"}},
			"capacity":  object{"cpu": "2", "memory": "8010528Ki", "pods": "110"}, "nodeInfo": object{"kubeletVersion": kubernetesVersion, "operatingSystem": "linux", "architecture": "amd64"},
		}}))
	case "pods":
		if in("default") {
			items = append(items, s.pod("default", podName))
		}
	case "secrets":
		if in("default") {
			items = append(items, described("default", tokenSecret, object{"type": "kubernetes.io/service-account-token", "data": object{
				"namespace": encoded("default"), "token": encoded(s.opts.Baits.Value("kubernetes-token")),
			}}))
			items = append(items, described("default", "registry", object{"type": "kubernetes.io/dockerconfigjson", "data": object{
				".dockerconfigjson": encoded(`{"auths":{"https://index.docker.io/v1/":{"auth":"` + s.opts.Baits.Value("docker-auth") + `"}}}`),
			}}))
		}
		if in("production") {
			items = append(items, described("production", "database", object{"type": "Opaque", "data": object{
				"username": encoded("app"), "password": encoded(s.opts.Baits.Value("env-password")),
			}}))
		}
	case "serviceaccounts":
		if in("default") {
			items = append(items, described("default", "default", object{"secrets": []object{{"name": tokenSecret}}}))
		}
	}
	return items
}

// pod is the one that runs.
func (s *Site) pod(namespace, name string) object {
	return object{
		"metadata": object{
			"name": name, "namespace": namespace, "uid": uuid(s.token(32, "pods", name)), "resourceVersion": "4711", "creationTimestamp": stamp(epoch),
			"labels": object{"app": strings.SplitN(name, "-", 2)[0]},
		},
		"spec": object{"nodeName": "node-1", "serviceAccountName": "default", "containers": []object{{"name": "app", "image": "registry.internal/app:1.12"}}},
		"status": object{"phase": "Running", "hostIP": privateAddress, "podIP": "10.244.0.17", "containerStatuses": []object{
			{"name": "app", "ready": true, "restartCount": 0, "containerID": "containerd://" + s.token(64, "container")},
		}},
	}
}
