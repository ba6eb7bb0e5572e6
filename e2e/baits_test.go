package e2e_test

import (
	"archive/tar"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// scripted is an image of a Debian root, whose entrypoint is a script, with a few
// files of its own.
func scripted(t *testing.T, root, script string, env []string, files ...imagetest.File) (ref string) {
	t.Helper()
	debian, err := imagetest.TarLayer(root)
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, imagetest.File{Header: tar.Header{Name: entrypoint[1:], Mode: 0o755}, Body: []byte(script)})
	own, err := imagetest.Layer(files, imagetest.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	img, err := imagetest.New(v1.Config{Entrypoint: []string{entrypoint}, Env: append([]string{path}, env...)},
		v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, debian, own)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	return "oci-dir:" + dir
}

// look shows what is planted, to whom it belongs and how old it is; and makes a
// directory that was planted, twice.
const look = `#!/bin/sh
cd "$HOME"
echo "home is $(($(stat -c %Y /usr) - $(stat -c %Y .))) older"
find . /run/secrets -newermt 2020-01-01 \! -mmin -60 \( -name '.[a-zA-Z]*' -o -type f \) -printf '%p %m %U:%G\n' 2>/dev/null | grep -v -e '/mine' -e '^./.bash' -e '^./.profile' | LC_ALL=C sort
env | grep -c -e ^BACKUP_AWS_SECRET_ACCESS_KEY=. -e ^DEPLOY_GITHUB_TOKEN=. -e ^NPM_PUBLISH_TOKEN=. -e ^PROD_DB_PASSWORD=.
mkdir .ssh && echo made "$(stat -c %a .ssh)"
mkdir .ssh 2>/dev/null || echo was there
cat .npmrc >/dev/null 2>&1
cat .aws/mine
`

// planted is what look finds, but for what the image has.
const planted = `./.azure 700 OWNER
./.azure/msal_token_cache.json 600 OWNER
./.bitcoin 700 OWNER
./.bitcoin/wallet.dat 600 OWNER
./.config 700 OWNER
./.config/gcloud/legacy_credentials/NAME/adc.json 600 OWNER
./.docker 700 OWNER
./.docker/config.json 600 OWNER
./.electrum 700 OWNER
./.electrum/wallets/default_wallet 600 OWNER
./.ethereum 700 OWNER
./.ethereum/keystore/NAME 600 OWNER
./.git-credentials 600 OWNER
./.kube 700 OWNER
./.kube/config 600 OWNER
./.mozilla 700 OWNER
./.mozilla/firefox/NAME/logins.json 600 OWNER
./.my.cnf 600 OWNER
./.netrc 600 OWNER
./.npmrc 600 OWNER
./.pgpass 600 OWNER
./.pypirc 600 OWNER
./.ssh 700 OWNER
./.ssh/NAME 600 OWNER
/run/secrets/kubernetes.io/serviceaccount/ca.crt 644 0:0
/run/secrets/kubernetes.io/serviceaccount/namespace 644 0:0
/run/secrets/kubernetes.io/serviceaccount/token 644 0:0
4
made 755
was there
of the image
`

// Credentials lie where the image has nothing, as their owner would have left them,
// and nobody is told of it but whoever looks.
func TestBaitsArePlanted(t *testing.T) {
	for _, c := range []struct{ name, home, user, owner string }{
		{"root", "/root", "0", "0:0"},
		{"user", "/home/app", "1234:567", "1234:567"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ref := scripted(t, testenv.Debian(t), look, []string{"HOME=" + c.home},
				imagetest.File{Header: tar.Header{Name: "home/app/", Typeflag: tar.TypeDir, Mode: 0o755, Uid: 1234, Gid: 567}},
				imagetest.File{Header: tar.Header{Name: c.home[1:] + "/.aws/mine", Mode: 0o644}, Body: []byte("of the image\n")})
			keep := filepath.Join(t.TempDir(), "keep")
			r := scan(t, ref, "--user", c.user, "--keep", keep)
			without := scan(t, ref, "--user", c.user, "--no-baits")

			age, got, _ := strings.Cut(r.Run.Output, "\n")
			if before, _, _ := strings.Cut(without.Run.Output, "\n"); age != before {
				t.Errorf("the home says %q, and without baits %q", age, before)
			}
			names := regexp.MustCompile(`(legacy_credentials/|keystore/|firefox/|\.ssh/)[^/ ]+`)
			if diff := cmp.Diff(strings.ReplaceAll(planted, "OWNER", c.owner), names.ReplaceAllString(got, "${1}NAME")); diff != "" {
				t.Errorf("planted (-want +got):\n%s", diff)
			}
			if strings.Contains(without.Run.Output, ".npmrc") || !strings.HasSuffix(without.Run.Output, "\n0\nmade 755\nwas there\nof the image\n") {
				t.Errorf("without baits it sees:\n%s", without.Run.Output)
			}
			untold(t, kept(t, keep), c.home)
		})
	}
}

// untold holds a tape to telling of baits only who opened one.
func untold(t *testing.T, events []*tape.Event, home string) {
	t.Helper()
	opened := 0
	for _, e := range events {
		switch {
		case e.Change != nil && e.Change.Path != home+"/.ssh":
			t.Errorf("a change of %s", e.Change.Path)
		case e.Process != nil:
			for _, v := range e.Process.Env {
				if name, _, _ := strings.Cut(v, "="); slices.Contains(plan.BaitVariables(), name) {
					t.Errorf("%s has %s", e.Process.Executable, name)
				}
			}
		case e.Bait != nil:
			t.Errorf("a sighting: %+v", e.Bait)
		case e.File != nil && e.File.Bait != "":
			opened++
			if e.File.Path != home+"/.npmrc" || e.File.Bait != string(plan.BaitNPM) {
				t.Errorf("opened: %+v", e.File)
			}
		}
	}
	if opened != 1 {
		t.Errorf("%d baits were opened, want 1", opened)
	}
}

// numbers are those of processes, and of whatever else differs by chance.
var numbers = regexp.MustCompile(`[0-9]+`)

// chosen are paths with names that programs make up by chance.
var chosen = regexp.MustCompile(`^/tmp/[^/]*[a-zA-Z0-9_]{8}($|/)|/\.cache/|/_cacache/|/_logs/|/tmp_obj_|\.npmrc\.|/pip-`)

// lived is what a run did, as far as it does not depend on chance and time: each
// deed once.
func lived(t *testing.T, ref string, args ...string) (deeds []string) {
	t.Helper()
	keep := filepath.Join(t.TempDir(), "keep")
	r := scan(t, ref, append(args, "--keep", keep)...)
	add := func(format string, args ...any) { deeds = append(deeds, fmt.Sprintf(format, args...)) }
	say := func(s string) string { return numbers.ReplaceAllString(s, "N") }
	add("ended: %s %d %s", r.Run.EndReason, r.Run.ExitCode, r.Verdict.Word)
	own := func(path string) bool { return chosen.MatchString(path) }
	for _, id := range findings(r) {
		add("finding %s", id)
	}
	for _, e := range kept(t, keep) {
		switch {
		case e.Kind == tape.ProcessExec:
			slices.Sort(e.Process.Env) // the sandbox has it in no order
			add("exec %s %q %q %d %s", e.Process.Executable, e.Process.Args, e.Process.Env, e.Process.UID, e.Errno)
		case e.Kind == tape.ProcessExit:
			add("exit %d %s", e.Process.ExitCode, e.Process.Signal)
		case e.File != nil && (own(e.File.Path) || e.Kind == tape.FileOpen && e.File.Sensitive && e.File.Flags == "O_RDONLY"):
			// A client looks whether its user has configured it: in a file that is not
			// there, or in one that has nothing for it.
		case e.File != nil:
			add("%s %s %s %s %o %s", e.Kind, say(e.File.Path), say(e.File.Target), e.File.Flags, e.File.Mode, e.Errno)
		case e.Change != nil && own(e.Change.Path):
		case e.Change != nil:
			add("%s %s %s %o %d:%d", e.Kind, say(e.Change.Path), e.Change.Type, e.Change.Mode, e.Change.UID, e.Change.GID)
		case e.HTTP != nil:
			add("%s %s %d", e.HTTP.Method, e.HTTP.URL, e.HTTP.Status)
		case e.DNS != nil:
			add("asks for %s %s", e.DNS.Name, e.DNS.Code)
		case e.Call != nil:
			add("%s %s", e.Kind, e.Errno)
		case e.Bait != nil:
			add("%s %s in %s", e.Kind, e.Bait.Name, e.Bait.Place)
		}
	}
	for line := range strings.Lines(r.Run.Output) {
		add("says %s", say(line))
	}
	slices.Sort(deeds)
	return slices.Compact(deeds)
}

// Servers do the same with baits and without.
func TestBaitsAreInvisibleToServers(t *testing.T) {
	dir := serverImages(t)
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			ref := "oci-dir:" + dir + ":" + s.name
			with, without := lived(t, ref, "--duration", s.duration), lived(t, ref, "--duration", s.duration, "--no-baits")
			if diff := cmp.Diff(without, with); diff != "" || len(with) < 3 {
				t.Errorf("of %d deeds (-without +with baits):\n%s", len(with), diff)
			}
		})
	}
}

// everyday are commands that look for what their user has configured, or begin to.
// None shows or writes all of a file that is planted: that is where it can be seen.
var everyday = []string{
	"mkdir ~/.ssh && mkdir ~/.aws && mkdir ~/.docker && mkdir ~/.kube && mkdir ~/.config && mkdir ~/.config/gcloud && echo all made",
	"git config --list --show-origin",
	"git init -q /tmp/repository && cd /tmp/repository && export GIT_COMMITTER_DATE=2020-01-01T00:00:00Z && git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m x --date 2020-01-01T00:00:00Z",
	"git -c credential.helper=store ls-remote https://git.everyday.example/repository.git",
	"ssh -G somewhere.example",
	"ssh -o BatchMode=yes -o ConnectTimeout=5 somewhere.example true",
	"ssh-add -L",
	"ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 </dev/null && ls ~/.ssh/*.pub",
	"npm config get registry fund",
	"npm config set fund=false --location=global && npm config get fund",
	"npm view sample --registry https://npm.everyday.example/ name",
	"pip3 config list",
	"pip3 download -q --no-cache-dir --no-deps --no-build-isolation -d /tmp/pip --index-url https://pip.everyday.example/simple/ sample",
	"curl -fsS --netrc-optional -o /dev/null https://curl.everyday.example/",
	"wget -q -O /dev/null https://wget.everyday.example/",
	`python3 -c 'import requests; requests.get("https://python.everyday.example/")'`,
	`python3 -c 'import os; print(os.path.expanduser("~"), len(os.listdir("/")))'`,
	`node -e 'require("https").get("https://node.everyday.example/", r => r.resume())'`,
	"psql -h db.everyday.example -U app -w -c 'select 1'",
	"mariadb -h db.everyday.example -u app -e 'select 1'",
	"java -version",
	"printf '[default]\\n' >~/.aws/config && cat ~/.aws/config",
	"apt-get -q --version",
	"ls ~ && du -s /etc >/dev/null && rm -rf ~/.cache",
}

// Clients do the same with baits and without, and say the same.
func TestBaitsAreInvisibleToClients(t *testing.T) {
	var script strings.Builder
	script.WriteString("#!/bin/sh\n")
	for i, command := range everyday {
		fmt.Fprintf(&script, "echo '- %d'\n(%s) 2>&1\necho \"= $?\"\n", i, command)
	}
	ref := scripted(t, testenv.DebianClients(t), script.String(), []string{"HOME=/root"})
	args := []string{"--duration", "5m", "--memory", "4GiB", "--processes", "2000"}
	with, without := lived(t, ref, args...), lived(t, ref, append(args, "--no-baits")...)
	if diff := cmp.Diff(without, with); diff != "" || len(with) < 100 {
		t.Errorf("of %d deeds (-without +with baits):\n%s", len(with), diff)
	}
}
