package web_test

import (
	"bytes"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/network/web"
	"github.com/detonaut/detonaut/chamber/plan"
)

var (
	now   = time.Date(2026, time.May, 4, 13, 37, 11, 0, time.UTC)
	baits = bait.New(bytes.NewReader(bytes.Repeat([]byte{3}, 32)))
)

func newSite(canned ...plan.Answer) *web.Site {
	return web.New(web.Options{Baits: baits, Canned: canned, Now: func() time.Time { return now }})
}

// ask sends "METHOD URL" with headers "Name: value" and a body to the site. The
// address is that of the URL, or one of its own.
func ask(t testing.TB, s *web.Site, request, body string, headers ...string) web.Response {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	to, err := netip.ParseAddrPort("198.18.0.9:" + port)
	if a, wrong := netip.ParseAddr(u.Hostname()); wrong == nil {
		to = netip.AddrPortFrom(a, to.Port())
	}
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme, u.Host = "", "" // as a server has it
	return s.Answer(r, []byte(body), to)
}

func TestCanned(t *testing.T) {
	s := newSite(
		plan.Answer{Host: "c2.example", Path: "/tasks/*/next", Body: `{"task":"none"}`, Headers: map[string]string{"Content-Type": "application/json", "X-A": "b"}},
		plan.Answer{Host: "*.example", Status: 403, Body: "no"},
		plan.Answer{Host: "169.254.169.254", Body: "mine"},
	)
	for _, tc := range []struct {
		request string
		status  int
		body    string
		answer  string
	}{
		{"GET http://c2.example/tasks/17/next", 200, `{"task":"none"}`, "canned"},
		{"POST http://C2.Example.:8080/tasks//next", 200, `{"task":"none"}`, "canned"},
		{"GET http://c2.example/tasks/17/next/", 403, "no", "canned"},
		{"GET http://a.b.example/", 403, "no", "canned"},
		{"GET http://169.254.169.254/latest/meta-data/", 200, "mine", "canned"},
		{"GET http://example/robots.txt", 200, "User-agent: *\nDisallow:\n", "default/txt"},
	} {
		a := ask(t, s, tc.request, "")
		if a.Status != tc.status || string(a.Body) != tc.body || a.Answer != tc.answer {
			t.Errorf("%s: %d %q by %s", tc.request, a.Status, a.Body, a.Answer)
		}
	}
	if a := ask(t, s, "GET http://c2.example/tasks/1/next", ""); a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-A") != "b" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestGlobs(t *testing.T) {
	for _, tc := range []struct {
		path, in string
		want     bool
	}{
		{"/a", "/a", true},
		{"/a", "/ab", false},
		{"*", "/", true},
		{"/*", "/x/y", true},
		{"/a*a", "/a", false},
		{"/a*a", "/aa", true},
		{"/*.sh", "/x.sh.txt", false},
		{"/*/b/*.sh", "/a/b/b/c.sh", true},
		{"/*b*b", "/b", false},
	} {
		a := ask(t, newSite(plan.Answer{Host: "*", Path: tc.path}), "GET http://h"+tc.in, "")
		if got := a.Answer == "canned"; got != tc.want {
			t.Errorf("%q fits %q: %v", tc.path, tc.in, got)
		}
	}
}

// Who answers, and how: one line for each place.
func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		request string
		headers []string
		status  int
		answer  string
		body    string // is part of it
	}{
		// Metadata of clouds.
		{"GET http://169.254.169.254/", nil, 200, "metadata/aws", "latest"},
		{"GET http://169.254.169.254/latest/", nil, 200, "metadata/aws", "dynamic/\nmeta-data/\nuser-data"},
		{"GET http://169.254.169.254/latest/meta-data", nil, 200, "metadata/aws", "iam/\ninstance-action"},
		{"GET http://169.254.169.254/2021-07-15/meta-data/iam/security-credentials/", nil, 200, "metadata/aws", "app-production"},
		{"GET http://169.254.169.254/latest/meta-data/iam/security-credentials/app-production", nil, 200, "metadata/aws", baits.Value("aws-secret-access-key")},
		{"GET http://[fd00:ec2::254]/latest/meta-data/instance-id", nil, 200, "metadata/aws", "i-0"},
		{"GET http://169.254.169.254/latest/meta-data/nothing", nil, 404, "metadata/aws", "404 - Not Found"},
		{"GET http://169.254.169.254/latest/dynamic/instance-identity/document", nil, 200, "metadata/aws", `"accountId" : "` + bait.Account(baits.Value("aws-access-key-id"))},
		{"PUT http://169.254.169.254/latest/api/token", nil, 400, "metadata/aws", ""},
		{"PUT http://169.254.169.254/latest/api/token", []string{"X-aws-ec2-metadata-token-ttl-seconds: 21601"}, 400, "metadata/aws", ""},
		{"PUT http://169.254.169.254/latest/api/token", []string{"X-aws-ec2-metadata-token-ttl-seconds: 60"}, 200, "metadata/aws", "AQAEA"},
		{"GET http://169.254.169.254/latest/user-data", []string{"X-aws-ec2-metadata-token: wrong"}, 401, "metadata/aws", ""},
		{"POST http://169.254.169.254/latest/user-data", nil, 405, "metadata/aws", ""},
		{"GET http://169.254.170.2/v2/credentials/5f0c", nil, 200, "metadata/ecs", baits.Value("aws-session-token")},
		{"GET http://169.254.170.23/v1/credentials", nil, 200, "metadata/ecs", "AccessKeyId"},
		{"GET http://metadata.google.internal/computeMetadata/v1/project/project-id", []string{"Metadata-Flavor: Google"}, 200, "metadata/gcp", "platform-"},
		{"GET http://metadata.google.internal/computeMetadata/v1/project/project-id", nil, 403, "metadata/gcp", "Missing Metadata-Flavor:Google header"},
		{"GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token", []string{"Metadata-Flavor: Google"}, 200, "metadata/gcp", baits.Value("gcp-access-token")},
		{"GET http://metadata/computeMetadata/v1/instance/service-accounts/", []string{"Metadata-Flavor: Google"}, 200, "metadata/gcp", "/\ndefault/\n"},
		{"GET http://metadata/computeMetadata/v1/instance/service-accounts/?recursive=true", []string{"Metadata-Flavor: Google"}, 200, "metadata/gcp", `"default":{"aliases":"default"`},
		{"GET http://metadata/computeMetadata/v1/?recursive=true", []string{"Metadata-Flavor: Google"}, 200, "metadata/gcp", `"networkInterfaces":{"0":{"accessConfigs"`},
		{"GET http://metadata/computeMetadata/v1/instance", []string{"Metadata-Flavor: Google"}, 301, "metadata/gcp", ""},
		{"GET http://metadata/computeMetadata/v1/none", []string{"Metadata-Flavor: Google"}, 404, "metadata/gcp", ""},
		{"GET http://169.254.169.254/metadata/instance?api-version=2021-02-01", []string{"Metadata: true"}, 200, "metadata/azure", "AzurePublicCloud"},
		{"GET http://169.254.169.254/metadata/instance?api-version=2021-02-01", nil, 400, "metadata/azure", "Required metadata header"},
		{"GET http://169.254.169.254/metadata/instance", []string{"Metadata: true"}, 400, "metadata/azure", "api-version was not specified"},
		{"GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01", []string{"Metadata: true"}, 400, "metadata/azure", "resource"},
		{"GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/", []string{"Metadata: true"}, 200, "metadata/azure", baits.Value("azure-access-token")},
		{"GET http://168.63.129.16/?comp=versions", nil, 200, "metadata/azure", "2012-11-30"},
		{"GET http://100.100.100.200/latest/meta-data/ram/security-credentials/", nil, 200, "metadata/alibaba", "app-production"},
		{"GET http://100.100.100.200/latest/meta-data/ram/security-credentials/app-production", nil, 200, "metadata/alibaba", baits.Value("alibaba-security-token")},
		{"GET http://169.254.169.254/metadata/v1.json", nil, 200, "metadata/digitalocean", "droplet_id"},
		{"GET http://169.254.169.254/metadata/v1/interfaces/public/0/ipv4/address", nil, 200, "metadata/digitalocean", "."},
		{"GET http://169.254.169.254/opc/v2/instance/", nil, 403, "metadata/oracle", ""},
		{"GET http://169.254.169.254/opc/v2/instance/", []string{"Authorization: Bearer Oracle"}, 200, "metadata/oracle", "ocid1.instance"},
		{"GET http://169.254.169.254/openstack/latest/meta_data.json", nil, 200, "metadata/openstack", "uuid"},
		// Clusters.
		{"GET https://kubernetes.default.svc/version", nil, 200, "kubernetes", "v1.31"},
		{"GET https://10.96.0.1/api/v1/namespaces/default/secrets", nil, 200, "kubernetes", "SecretList"},
		{"GET https://192.0.2.4:6443/api/v1/secrets", nil, 200, "kubernetes", "dockerconfigjson"},
		{"GET https://192.0.2.4:6443/api/v1/namespaces/default/secrets/registry", nil, 200, "kubernetes", `"kind":"Secret"`},
		{"GET https://192.0.2.4:6443/api/v1/namespaces/default/secrets/none", nil, 404, "kubernetes", "NotFound"},
		{"GET https://192.0.2.4:6443/api/v1/namespaces/kube-system", nil, 200, "kubernetes", `"kind":"Namespace"`},
		{"GET https://192.0.2.4:6443/apis", nil, 200, "kubernetes", "rbac.authorization.k8s.io"},
		{"GET https://192.0.2.4:6443/apis/apps/v1", nil, 200, "kubernetes", "daemonsets"},
		{"GET https://192.0.2.4:6443/api/v1", nil, 200, "kubernetes", "serviceaccounts"},
		{"GET https://192.0.2.4:6443/healthz", nil, 200, "kubernetes", "ok"},
		{"GET https://192.0.2.4:6443/apis/none/v1/things", nil, 404, "kubernetes", "NotFound"},
		{"DELETE https://192.0.2.4:6443/api/v1/namespaces/default/pods/x", nil, 200, "kubernetes", "Success"},
		{"GET http://192.0.2.4:2375/_ping", nil, 200, "docker", "OK"},
		{"GET http://192.0.2.4:2375/v1.24/containers/json", nil, 200, "docker", "/app/server"},
		{"POST http://192.0.2.4:2375/containers/create?name=x", nil, 201, "docker", `"Id":"`},
		{"POST http://192.0.2.4:2375/v1.41/containers/x/start", nil, 204, "docker", ""},
		{"GET https://192.0.2.4:10250/pods", nil, 200, "kubelet", "PodList"},
		{"POST https://192.0.2.4:10250/run/default/app/app", nil, 200, "kubelet", ""},
		{"GET http://192.0.2.4:2379/v2/keys/?recursive=true", nil, 200, "etcd", "/registry"},
		{"POST http://192.0.2.4:2379/v3/kv/range", nil, 200, "etcd", "kvs"},
		// Where an address is told.
		{"GET https://ifconfig.me/", nil, 200, "echo/ifconfig.me", "18.202.93.41"},
		{"GET https://api.ipify.org/?format=json", nil, 200, "echo/api.ipify.org", `"ip": "18.202.93.41"`},
		{"GET https://ipinfo.io/", nil, 200, "echo/ipinfo.io", `"loc"`},
		{"GET https://ipinfo.io/ip", nil, 200, "echo/ipinfo.io", "18.202.93.41\n"},
		{"GET http://ip-api.com/json/", nil, 200, "echo/ip-api.com", `"country": "Ireland"`},
		{"GET http://checkip.amazonaws.com/", nil, 200, "echo/checkip.amazonaws.com", "18.202.93.41\n"},
		{"GET http://connectivitycheck.gstatic.com/generate_204", nil, 204, "captive", ""},
		{"GET http://detectportal.firefox.com/success.txt", nil, 200, "captive", "success\n"},
		{"GET http://www.msftconnecttest.com/connecttest.txt", nil, 200, "captive", "Microsoft Connect Test"},
		// Where things are dropped.
		{"POST https://api.telegram.org/bot123:AA/sendMessage", nil, 200, "drop/telegram", `"ok":true`},
		{"GET https://api.telegram.org/bot123:AA/getUpdates", nil, 200, "drop/telegram", `"result":[]`},
		{"POST https://discord.com/api/webhooks/1/x", nil, 204, "drop/discord", ""},
		{"POST https://hooks.slack.com/services/T/B/x", nil, 200, "drop/slack", "ok"},
		{"PUT https://transfer.sh/loot.tgz", nil, 200, "drop/transfer.sh", "https://transfer.sh/"},
		{"POST https://file.io/", nil, 200, "drop/file.io", `"success":true`},
		{"POST https://0x0.st/", nil, 200, "drop/0x0.st", "https://0x0.st/"},
		{"POST https://abc.ngrok.io/x", nil, 200, "drop/tunnel", ""},
		{"GET https://pastebin.com/raw/AbCd", nil, 200, "paste/pastebin", "#!/bin/sh"},
		{"POST https://pastebin.com/api/api_post.php", nil, 201, "paste/pastebin", "https://pastebin.com/"},
		{"POST http://ix.io/", nil, 201, "paste/ix.io", "http://ix.io/"},
		// Others.
		{"GET http://192.0.2.1:9030/tor/status-vote/current/consensus", nil, 503, "tor/directory", "busy"},
		{"GET https://raw.githubusercontent.com/a/b/main/install.sh", nil, 200, "github", "#!/bin/sh"},
		{"GET https://api.github.com/repos/a/b/releases/latest", nil, 200, "github", "b_linux_amd64.tar.gz"},
		{"POST https://api.github.com/gists", nil, 201, "github", "gist.github.com"},
		{"GET https://api.github.com/user", nil, 200, "github", "cibuild"},
		{"POST http://c2.example/gate.php", nil, 200, "panel", "OK"},
		{"POST http://c2.example/gate.php", []string{"Content-Type: application/json"}, 200, "panel", `{"status":"ok"}`},
		{"PUT http://c2.example/x", nil, 201, "panel", ""},
		{"OPTIONS http://c2.example/x", nil, 204, "default/options", ""},
		{"GET http://c2.example/", nil, 200, "default/html", "<title>c2.example</title>"},
		{"GET http://c2.example/" + strings.Repeat("x", 9000), nil, 414, "default", ""},
		{"GET http://c2.example/x", []string{"Accept: text/html,*/*"}, 200, "default/html", "<html>"},
		{"GET http://c2.example/x", []string{"Accept: application/json"}, 200, "default/json", `{"status":"ok"}`},
		{"GET http://c2.example/kinsing", []string{"Accept: */*"}, 200, "default/sh", "#!/bin/sh"},
		{"GET http://c2.example/x.sh", nil, 200, "default/sh", "#!/bin/sh"},
		{"GET http://c2.example/bot.arm7", nil, 200, "default/arm7", "\x7fELF"},
		{"GET http://c2.example/x.exe", nil, 200, "default/exe", "MZ"},
		// Packages.
		{"GET http://deb.debian.org/debian/dists/bookworm/InRelease", nil, 404, "package/apt", ""},
		{"GET http://deb.debian.org/debian/dists/bookworm-security/Release", nil, 200, "package/apt", "main/binary-amd64/Packages.gz"},
		{"GET http://dl-cdn.alpinelinux.org/alpine/v3.20/main/x86_64/APKINDEX.tar.gz", nil, 200, "package/apk", "\x1f\x8b"},
		{"GET http://mirror.example/os/repodata/repomd.xml", nil, 200, "package/yum", "primary"},
		{"GET https://mirrors.example/metalink?repo=x", nil, 200, "package/yum", "https://mirrors.example/repository/os/repodata/repomd.xml"},
		{"GET https://pypi.org/simple/Some_Thing/", nil, 200, "package/pip", "some_thing-1.0.0-py3-none-any.whl"},
		{"GET https://pypi.org/simple/x/", []string{"Accept: application/vnd.pypi.simple.v1+json"}, 200, "package/pip", `"sha256"`},
		{"GET https://registry.npmjs.org/@a%2fb", nil, 200, "package/npm", "https://registry.npmjs.org/@a/b/-/b-1.0.0.tgz"},
		{"PUT https://registry.npmjs.org/worm", nil, 201, "package/npm", "ok"},
		{"GET https://proxy.golang.org/example.com/!abc/v3/@v/list", nil, 200, "package/go", "v3.0.0\n"},
		{"GET https://proxy.golang.org/example.com/!abc/@v/v0.1.2.mod", nil, 200, "package/go", "module example.com/Abc\n"},
		{"GET https://index.crates.io/config.json", nil, 200, "package/cargo", "https://index.crates.io/crates"},
		{"GET https://index.crates.io/se/rd/serde", nil, 200, "package/cargo", `"cksum"`},
		{"GET https://rubygems.org/info/rails", nil, 200, "package/gem", "1.0.0 |checksum:"},
		{"GET https://repo1.maven.org/maven2/org/a/b/maven-metadata.xml", nil, 200, "package/maven", "<groupId>org.a</groupId>"},
		{"GET https://repo1.maven.org/maven2/org/a/b/2.1/b-2.1.pom", nil, 200, "package/maven", "<version>2.1</version>"},
		{"GET https://registry-1.docker.io/v2/", nil, 200, "package/oci", "{}"},
		{"GET https://registry-1.docker.io/v2/library/x/manifests/latest", nil, 404, "package/oci", "MANIFEST_UNKNOWN"},
		{"POST https://registry-1.docker.io/v2/library/x/blobs/uploads/", nil, 202, "package/oci", ""},
	} {
		a := ask(t, newSite(), tc.request, "", tc.headers...)
		if a.Status != tc.status || a.Answer != tc.answer || !strings.Contains(string(a.Body), tc.body) {
			t.Errorf("%s %v: %d by %s: %.300q, want %d by %s: %q", tc.request, tc.headers, a.Status, a.Answer, a.Body, tc.status, tc.answer, tc.body)
		}
	}
}

func TestFinish(t *testing.T) {
	s := newSite(plan.Answer{Host: "*", Body: "0123456789"})
	tag := ask(t, s, "GET http://h/", "").Header.Get("ETag")
	for _, tc := range []struct {
		name, request string
		header        string
		status        int
		body, ranges  string
	}{
		{"all", "GET http://h/", "", 200, "0123456789", ""},
		{"head", "HEAD http://h/", "", 200, "", ""},
		{"range", "GET http://h/", "Range: bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"open range", "GET http://h/", "Range: bytes=7-", 206, "789", "bytes 7-9/10"},
		{"range from the end", "GET http://h/", "Range: bytes=-3", 206, "789", "bytes 7-9/10"},
		{"too much from the end", "GET http://h/", "Range: bytes=-30", 206, "0123456789", "bytes 0-9/10"},
		{"too long", "GET http://h/", "Range: bytes=5-99", 206, "56789", "bytes 5-9/10"},
		{"beyond", "GET http://h/", "Range: bytes=10-", 416, "", "bytes */10"},
		{"several ranges", "GET http://h/", "Range: bytes=0-1,3-4", 200, "0123456789", ""},
		{"backwards", "GET http://h/", "Range: bytes=4-2", 200, "0123456789", ""},
		{"nonsense", "GET http://h/", "Range: lines=1-2", 200, "0123456789", ""},
		{"not for others", "POST http://h/", "Range: bytes=1-2", 200, "0123456789", ""},
		{"same", "GET http://h/", "If-None-Match: " + tag, 304, "", ""},
		{"changed", "GET http://h/", `If-None-Match: "0"`, 200, "0123456789", ""},
		{"not modified", "GET http://h/", "If-Modified-Since: " + now.Format(http.TimeFormat), 304, "", ""},
	} {
		a := ask(t, s, tc.request, "", tc.header)
		if a.Status != tc.status || string(a.Body) != tc.body || a.Header.Get("Content-Range") != tc.ranges {
			t.Errorf("%s: %d %q %q", tc.name, a.Status, a.Body, a.Header.Get("Content-Range"))
		}
	}
	a := ask(t, s, "HEAD http://h/", "")
	if a.Header.Get("Content-Length") != "10" || a.Header.Get("Date") != "Mon, 04 May 2026 13:37:11 GMT" || a.Header.Get("Server") != "nginx" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestWebSocket(t *testing.T) {
	a := ask(t, newSite(), "GET http://c2.example/ws", "", "Upgrade: WebSocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	// The example of RFC 6455, section 1.3.
	if a.Status != 101 || a.Answer != "websocket" || a.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%d by %s: %v", a.Status, a.Answer, a.Header)
	}
}

// A session of version 2 of Amazon's metadata service.
func TestSession(t *testing.T) {
	s := newSite()
	token := ask(t, s, "PUT http://169.254.169.254/latest/api/token", "", "X-aws-ec2-metadata-token-ttl-seconds: 60")
	if len(token.Body) != 56 || token.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "60" {
		t.Errorf("token %q, %v", token.Body, token.Header)
	}
	a := ask(t, s, "GET http://169.254.169.254/latest/meta-data/hostname", "", "X-aws-ec2-metadata-token: "+string(token.Body))
	if a.Status != 200 || !strings.HasPrefix(string(a.Body), "ip-") {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	if a := ask(t, s, "PUT http://169.254.169.254/latest/api/token", "", "X-aws-ec2-metadata-token-ttl-seconds: 60", "X-Forwarded-For: 10.0.0.1"); a.Status != 403 {
		t.Errorf("through a proxy: %d", a.Status)
	}
}

// What is made in a cluster is sent back with what a server adds.
func TestCreatePod(t *testing.T) {
	a := ask(t, newSite(), "POST https://10.96.0.1/api/v1/namespaces/default/pods", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"miner"},"spec":{"hostPID":true}}`)
	for _, want := range []string{`"name":"miner"`, `"hostPID":true`, `"uid":"`, `"namespace":"default"`, `"phase":"Pending"`} {
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("no %s in %s", want, a.Body)
		}
	}
	if a.Status != 201 {
		t.Errorf("status %d", a.Status)
	}
	a = ask(t, newSite(), "POST https://10.96.0.1/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{"spec":{}}`)
	if a.Status != 201 || !strings.Contains(string(a.Body), `"allowed":true`) {
		t.Errorf("review: %d %s", a.Status, a.Body)
	}
}

// The same question has the same answer.
func TestDeterminism(t *testing.T) {
	for _, request := range []string{
		"GET http://169.254.169.254/latest/meta-data/iam/security-credentials/app-production", "GET https://10.96.0.1/api/v1/secrets",
		"PUT https://transfer.sh/x", "GET https://pypi.org/simple/x/", "GET http://deb.example/dists/sid/Release", "GET http://h/x.zip",
		"GET https://metadata.google.internal/computeMetadata/v1/?recursive=true", "GET http://h/a.git/info/refs?service=git-upload-pack",
	} {
		one, two := ask(t, newSite(), request, "body"), ask(t, newSite(), request, "body")
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("%s: (-one +two):\n%s", request, diff)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	s := newSite()
	for _, request := range []string{"GET http://c2.example/gate", "GET http://169.254.169.254/latest/meta-data/", "GET http://deb.example/dists/sid/Release", "GET http://h/x.tar.gz"} {
		b.Run(request, func(b *testing.B) {
			for b.Loop() {
				ask(b, s, request, "")
			}
		})
	}
}
