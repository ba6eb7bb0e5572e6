package secret

import (
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

func TestConfig(t *testing.T) {
	token, random := gitHubToken(), "wert-uiop"
	step := func(texts ...string) (all []detonaut.Instruction) {
		for _, text := range texts {
			all = append(all, detonaut.Instruction{CreatedBy: text})
		}
		return all
	}
	for _, test := range []struct {
		show string
		img  detonaut.Image
		want []string // "id summary" with what is told of the value cut off
	}{
		{"a token in the environment", detonaut.Image{Config: detonaut.Config{Env: []string{"X=" + token}}}, []string{"secret/github-pat ENV X: personal access token of GitHub"}},
		{"a password by its name", detonaut.Image{Config: detonaut.Config{Env: []string{"POSTGRES_PASSWORD=hunter2", "A=b"}}}, []string{"secret/by-name ENV POSTGRES_PASSWORD="}},
		{"several names", detonaut.Image{Config: detonaut.Config{Env: []string{"DB_PASS=a.b.c", "API_KEY=qwe rty", "STRIPE_SECRET=zxc", "rootpassword=o.k", "AUTH_TOKEN=1.2.3.4"}}}, []string{
			"secret/by-name ENV DB_PASS=", "secret/by-name ENV API_KEY=", "secret/by-name ENV STRIPE_SECRET=", "secret/by-name ENV rootpassword=", "secret/by-name ENV AUTH_TOKEN=",
		}},
		{"what stands for a value", detonaut.Image{Config: detonaut.Config{Env: []string{
			"A_PASSWORD=", "B_PASSWORD=changeme", "C_PASSWORD=${PW}", "D_PASSWORD=$PW", "E_TOKEN=example", "F_SECRET=/run/secrets/f", "G_API_KEY=<your key>",
			"H_TOKEN={{ token }}", "I_PASSWORD=password", "J_PASSWORD=xxxxxx", "K_TOKEN=false", "L_PASSWORD=\"\"", "M_TOKEN=your-token-here",
		}}}, nil},
		{"names of what is about one", detonaut.Image{Config: detonaut.Config{Env: []string{
			"POSTGRES_PASSWORD_FILE=pw.txt", "TOKEN_URL=https://example.com/t", "SECRET_NAME=db", "MYSQL_ALLOW_EMPTY_PASSWORD=maybe", "PWD=/srv", "PASSAGE=x1", "KEYBOARD=us2",
			"COMPASS_HOME=/c", "SSH_AUTH_SOCK=/x.sock", "PASSWORD_MIN_LENGTH=12",
		}}}, nil},
		{"official images", detonaut.Image{Config: detonaut.Config{Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "GPG_KEY=" + letters(40, "0123456789ABCDEF"), "PYTHON_VERSION=3.12.4",
			"PYTHON_SHA256=" + letters(64, "0123456789abcdef"), "GPG_KEYS=" + letters(40, "0123456789ABCDEF") + " " + letters(40, "0123456789ABCDEF"),
			"PHP_SHA256=" + letters(64, "0123456789abcdef"), "NODE_VERSION=22.3.0", "YARN_VERSION=1.22.22", "JAVA_HOME=/opt/java/openjdk", "RUBY_DOWNLOAD_SHA256=" + letters(64, "0123456789abcdef"),
			"NGINX_VERSION=1.27.0", "NJS_VERSION=0.8.4", "PKG_RELEASE=2~bookworm", "REDIS_DOWNLOAD_SHA=" + letters(64, "0123456789abcdef"), "GOSU_VERSION=1.17", "PGDATA=/var/lib/postgresql/data",
			"PHP_URL=https://www.php.net/distributions/php-8.3.8.tar.xz", "PHPIZE_DEPS=autoconf dpkg-dev", "TOMCAT_SHA512=" + letters(128, "0123456789abcdef"),
		}, Labels: map[string]string{"maintainer": "NGINX Docker Maintainers <docker-maint@nginx.com>", "org.opencontainers.image.revision": letters(40, "0123456789abcdef")}}, History: step(
			"/bin/sh -c #(nop) ADD file:"+letters(64, "0123456789abcdef")+" in / ", "/bin/sh -c #(nop)  CMD [\"bash\"]",
			"/bin/sh -c set -eux; export GNUPGHOME=\"$(mktemp -d)\"; gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys "+letters(40, "0123456789ABCDEF"),
			"RUN /bin/sh -c apt-get update && apt-get install -y ca-certificates # buildkit",
		)}, nil},
		{"a label", detonaut.Image{Config: detonaut.Config{Labels: map[string]string{"token": token, "a": "b"}}}, []string{"secret/github-pat LABEL token: personal access token of GitHub"}},
		{"commands", detonaut.Image{Config: detonaut.Config{Entrypoint: []string{"/run", token}, Cmd: []string{"--key", token}}}, []string{
			"secret/github-pat ENTRYPOINT: personal access token of GitHub", "secret/github-pat CMD: personal access token of GitHub",
		}},
		{"a step", detonaut.Image{History: step("FROM x", "RUN /bin/sh -c git clone https://x:"+token+"@github.com/a/b # buildkit")}, []string{"secret/github-pat step 2: personal access token of GitHub"}},
		{"an argument of the build", detonaut.Image{History: step("RUN |2 VERSION=1 NPM_TOKEN=" + random + " /bin/sh -c npm ci # buildkit")}, []string{"secret/by-name step 1, ARG NPM_TOKEN="}},
		{"another one", detonaut.Image{History: step("|1 DB_PASSWORD=hunter two /bin/sh -c make")}, []string{"secret/by-name step 1, ARG DB_PASSWORD="}},
		{"its default", detonaut.Image{History: step("ARG SECRET=topo.secret", "/bin/sh -c #(nop)  ENV ADMIN_PASSWORD=hunter2 A=b")}, []string{
			"secret/by-name step 1, ARG SECRET=", "secret/by-name step 2, ENV ADMIN_PASSWORD=",
		}},
		{"told once", detonaut.Image{Config: detonaut.Config{Env: []string{"ADMIN_PASSWORD=hunter2"}}, History: step("ENV ADMIN_PASSWORD=hunter2")}, []string{"secret/by-name ENV ADMIN_PASSWORD="}},
	} {
		all, err := Analyzer{Salt: salt}.Config(t.Context(), test.img)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range all {
			if !f.Weakness || f.Title == "" || f.Meaning == "" || f.Count < len(f.Evidence) {
				t.Errorf("%s: got %+v", test.show, f)
			}
			for _, e := range f.Evidence {
				if strings.Contains(e.Summary, token) || strings.Contains(e.Summary, random) || strings.Contains(e.Summary, "hunter") {
					t.Errorf("%s: a value is told", test.show)
				}
				head, _, _ := strings.Cut(e.Summary, "<")
				got = append(got, f.ID+" "+strings.TrimSpace(head))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.show, got, test.want)
		}
	}
}

// FuzzConfig looks through what an image says of itself, whatever that is.
func FuzzConfig(f *testing.F) {
	f.Add("A_PASSWORD=b", "|2 A=b c TOKEN=d /bin/sh -c x", "token", "v")
	f.Add("=", "|999 =", "", "")
	f.Add("A", "/bin/sh -c #(nop)  ENV A=\"b c\" D=e", "k\nk", "password=0a1b2c3d4e5f")
	f.Fuzz(func(t *testing.T, env, step, key, value string) {
		img := detonaut.Image{
			Config:  detonaut.Config{Env: []string{env}, Labels: map[string]string{key: value}, OnBuild: []string{step}},
			History: []detonaut.Instruction{{CreatedBy: step, Comment: value}},
		}
		all, err := Analyzer{}.Config(t.Context(), img)
		if err != nil && len(env)+len(step)+len(value) < 1<<16 {
			t.Fatal(err)
		}
		for _, f := range all {
			if len(f.Evidence) == 0 || len(f.Evidence) > maxEvidence {
				t.Errorf("%s has %d pieces of evidence", f.ID, len(f.Evidence))
			}
		}
		set, rest := assignments(step)
		if len(set) > maxAssignments || len(rest) > len(step) {
			t.Errorf("%d assignments of %d bytes", len(set), len(step))
		}
	})
}
