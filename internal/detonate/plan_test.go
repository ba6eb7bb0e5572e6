package detonate_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
)

func file(mode fs.FileMode, data string) *fstest.MapFile {
	return &fstest.MapFile{Mode: mode, Data: []byte(data)}
}

func link(target string) *fstest.MapFile { return file(fs.ModeSymlink|0o777, target) }

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\n" +
		"broken\nalso:x:one:two::/:\n\n" +
		"nginx:x:101:102:nginx:/var/cache/nginx:/bin/false\n" +
		"nginx:x:9:9:second:/:/bin/false\n" +
		"homeless:x:7:7\n" +
		"1234:x:55:56:a name of digits:/digits:/bin/sh"
	group = "root:x:0:\nwheel:x:10:root,nginx\nnginx:x:102:\nssl:x:103:nginx\nssl2:x:103:nginx\nbroken:x:y:nginx\n77:x:78:\n"
)

// root is an image with a bit of everything.
func root() fstest.MapFS {
	amd64 := string(program(elf.EM_X86_64, ""))
	return fstest.MapFS{
		"etc/passwd":          file(0o644, passwd),
		"etc/group":           file(0o644, group),
		"srv/data":            file(0o644, "data"),
		"srv/app":             file(0o755, amd64),
		"usr/bin/app":         file(0o755, amd64),
		"usr/bin/plain":       file(0o644, amd64),
		"usr/local/bin/plain": file(0o755, amd64),
		"usr/bin/dynamic":     file(0o755, string(program(elf.EM_X86_64, "/lib64/ld.so\x00"))),
		"usr/bin/orphan":      file(0o755, string(program(elf.EM_X86_64, "/lib64/none.so\x00"))),
		"usr/bin/arm":         file(0o755, string(program(elf.EM_AARCH64, ""))),
		"usr/bin/cut":         file(0o755, amd64[:30]),
		"usr/bin/empty":       file(0o755, ""),
		"usr/bin/text":        file(0o755, "echo hello\n"),
		"usr/bin/script":      file(0o755, "#! /bin/app -x\necho\n"),
		"usr/bin/windows":     file(0o755, "#!/bin/app\r\necho\r\n"),
		"usr/bin/noprogram":   file(0o755, "#!/bin/none\n"),
		"usr/bin/nothing":     file(0o755, "#!\n"),
		"usr/bin/nested":      file(0o755, "#!/bin/script\n"),
		"usr/bin/forever":     file(0o755, "#!/bin/forever\n"),
		"usr/bin/wide":        file(0o755, strings.Replace(amd64, "\x02", "\x01", 1)),
		"usr/bin/secret":      file(0o755, ""),
		"bin":                 link("usr/bin"),
		"lib64/ld.so":         file(0o755, amd64),
		"opt/loop":            link("/opt/pool"),
		"opt/pool":            link("loop"),
		"opt/away":            link("../../../../srv/app"),
		"opt/absolute":        link("/bin/app"),
		"opt/dots":            link("/bin/../bin/app"),
		"opt/dangling":        link("/nowhere"),
		"opt/long":            link(strings.Repeat("a/", 3000)),
		"dev/null":            file(fs.ModeDevice|fs.ModeCharDevice|0o666, ""),
	}
}

func newImage(c detonaut.Config) detonaut.Image {
	return detonaut.Image{Digest: "sha256:0123", Platform: "linux/amd64", Config: c}
}

func TestNewPlan(t *testing.T) {
	img := newImage(detonaut.Config{
		Entrypoint: []string{"app", "-a"}, Cmd: []string{"-c"}, User: "nginx", WorkingDir: "srv//x/..",
		Env: []string{"PATH=/bin:/usr/bin", "A=1", "B=2", "A=3", "nonsense", "=x"},
	})
	got, err := detonate.NewPlan(img, root(), detonate.Overrides{Env: []string{"B=4", "C="}, Limits: plan.Limits{Duration: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Plan{
		Digest: "sha256:0123", Profile: plan.Default, Args: []string{"app", "-a", "-c"},
		Env: []string{"PATH=/bin:/usr/bin", "HOSTNAME=" + got.Hostname, "A=3", "B=4", "C=", "HOME=/var/cache/nginx"},
		Dir: "/srv", User: plan.User{UID: 101, GID: 102, Groups: []uint32{102, 10, 103}}, Tmp: true,
		Hostname: got.Hostname, Machine: plan.DefaultMachine(), Network: plan.Simulated, Detail: plan.Normal, Limits: plan.DefaultLimits(),
		Internet: plan.Internet{Trust: []plan.TrustStore{
			{Path: "/etc/ssl/cert.pem", Kind: plan.PEMFile},
			{Path: "/etc/ssl/certs", Kind: plan.HashedDir},
			{Path: "/etc/ssl/certs/ca-certificates.crt", Kind: plan.PEMFile},
		}},
	}
	want.Limits.Duration = time.Second
	want.Baits.Env = plan.BaitVariables()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if len(got.Hostname) != 12 || strings.Trim(got.Hostname, "0123456789abcdef") != "" {
		t.Errorf("hostname %q does not look like one of Docker's", got.Hostname)
	}
}

// TestNewPlanTime makes plans that move clocks on, and one that does not.
func TestNewPlanTime(t *testing.T) {
	for _, c := range []struct {
		name string
		over detonate.Overrides
		want plan.Travel
	}{
		{"defaults", detonate.Overrides{Profile: plan.Time}, plan.DefaultTravel()},
		{"a day", detonate.Overrides{Profile: plan.Time, Travel: plan.Travel{Days: 1}}, plan.Travel{Days: 1, Jumps: plan.DefaultTravel().Jumps}},
		{"another profile", detonate.Overrides{Travel: plan.Travel{Days: 1, Jumps: 1}}, plan.Travel{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := detonate.NewPlan(newImage(detonaut.Config{Entrypoint: []string{"app"}}), root(), c.over)
			if err != nil || got.Travel != c.want {
				t.Errorf("got %+v and %v, want %+v", got.Travel, err, c.want)
			}
		})
	}
}

func TestNewPlanCommand(t *testing.T) {
	cases := []struct {
		name   string
		config detonaut.Config
		over   detonate.Overrides
		want   []string
	}{
		{"entrypoint alone", detonaut.Config{Entrypoint: []string{"app"}}, detonate.Overrides{}, []string{"app"}},
		{"cmd alone", detonaut.Config{Cmd: []string{"app", "x"}}, detonate.Overrides{}, []string{"app", "x"}},
		{"another cmd", detonaut.Config{Entrypoint: []string{"app"}, Cmd: []string{"x"}}, detonate.Overrides{Cmd: []string{"y"}}, []string{"app", "y"}},
		{
			"another entrypoint drops cmd",
			detonaut.Config{Entrypoint: []string{"none"}, Cmd: []string{"x"}},
			detonate.Overrides{Entrypoint: []string{"app"}},
			[]string{"app"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := detonate.NewPlan(newImage(c.config), root(), c.over)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Args); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
		})
	}
}

// checkRefused wants an error that is a fact about the subject.
func checkRefused(t *testing.T, err error, parts ...string) {
	t.Helper()
	if !errors.Is(err, detonaut.ErrRun) {
		t.Fatalf("got %v, want an error that is %v", err, detonaut.ErrRun)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

func TestNewPlanRefuses(t *testing.T) {
	app := detonaut.Config{Cmd: []string{"app"}}
	with := func(change func(*detonaut.Config)) detonaut.Config { c := app; change(&c); return c }
	user := func(spec string) detonaut.Config { return with(func(c *detonaut.Config) { c.User = spec }) }
	put := func(name string, f *fstest.MapFile) fstest.MapFS { r := root(); r[name] = f; return r }
	without := func(name string) fstest.MapFS { r := root(); delete(r, name); return r }
	cases := []struct {
		name   string
		config detonaut.Config
		fsys   fs.FS
		want   string
	}{
		{"nothing to run", detonaut.Config{}, root(), "config.entrypoint: no entrypoint and no cmd"},
		{"cmd missing", detonaut.Config{Cmd: []string{"/x"}}, root(), "config.cmd: /x: no such file"},
		{"no such user", user("www"), root(), `config.user: no user "www" in /etc/passwd`},
		{"hostile user", user("\x1b[2J"), root(), `no user "\x1b[2J" in`},
		{"user with a broken line", user("also"), root(), `no user "also"`},
		{"user out of range", user("2147483648"), root(), `no user "2147483648"`},
		{"negative user", user("-1"), root(), `no user "-1"`},
		{"no such group", user("root:www"), root(), `config.user: no group "www" in /etc/group`},
		{"no passwd", user("nginx"), without("etc/passwd"), "the image has no /etc/passwd"},
		{"no group file", user("0:ssl"), without("etc/group"), "the image has no /etc/group"},
		{"passwd is a directory", user("nginx"), put("etc/passwd", file(fs.ModeDir|0o755, "")), "the image has no /etc/passwd"},
		{"passwd is a loop", user("nginx"), put("etc/passwd", link("passwd")), "config.user: /etc/passwd: too many levels"},
		{"passwd is a file too long", user("nginx"), put("etc/passwd", file(0o644, strings.Repeat("a:b:c\n", 3<<20))), "more than 16777216 bytes"},
		{"one line too long", user("nginx"), put("etc/passwd", file(0o644, strings.Repeat("a", 1<<20)+"nginx:x:1:1::/:")), `no user "nginx"`},
		{"too many groups", user("nginx"), put("etc/group", file(0o644, manyGroups(2000))), "member of more than 1024 groups"},
		{"working directory is a file", with(func(c *detonaut.Config) { c.WorkingDir = "/srv/data" }), root(), "config.working_dir: /srv/data: not a directory"},
		{"working directory below a file", with(func(c *detonaut.Config) { c.WorkingDir = "/srv/data/x" }), root(), "config.working_dir: /srv/data/x: a part"},
		{"working directory is a loop", with(func(c *detonaut.Config) { c.WorkingDir = "/opt/loop" }), root(), "too many levels"},
		{"endless environment", with(func(c *detonaut.Config) { c.Env = []string{"A=" + strings.Repeat("a", 1<<20)} }), root(), "plan: args"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := detonate.NewPlan(newImage(c.config), c.fsys, detonate.Overrides{})
			checkRefused(t, err, c.want)
		})
	}
}

func manyGroups(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "g:x:%d:nginx\n", i)
	}
	return b.String()
}

func TestNewPlanMissingWorkingDir(t *testing.T) {
	got, err := detonate.NewPlan(newImage(detonaut.Config{Cmd: []string{"/bin/app"}, WorkingDir: "/made/later"}), root(), detonate.Overrides{})
	if err != nil || got.Dir != "/made/later" {
		t.Errorf("got %q and %v, want a directory that the sandbox will make", got.Dir, err)
	}
}

func TestNewPlanTmp(t *testing.T) {
	for name, c := range map[string]struct {
		tmp  *fstest.MapFile
		file *fstest.MapFile
		want bool
	}{
		"missing":   {want: true},
		"empty":     {tmp: file(fs.ModeDir|0o777, ""), want: true},
		"with file": {file: file(0o644, "x")},
		"a link":    {tmp: link("var/tmp")},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := root()
			if c.tmp != nil {
				fsys["tmp"] = c.tmp
			}
			if c.file != nil {
				fsys["tmp/file"] = c.file
			}
			got, err := detonate.NewPlan(newImage(detonaut.Config{Cmd: []string{"app"}}), fsys, detonate.Overrides{})
			if err != nil || got.Tmp != c.want {
				t.Errorf("got %v and %v, want %v", got.Tmp, err, c.want)
			}
		})
	}
}

func TestNewPlanOverrides(t *testing.T) {
	img := newImage(detonaut.Config{Cmd: []string{"app"}, User: "nginx"})
	_, err := detonate.NewPlan(img, root(), detonate.Overrides{User: "nobody"})
	checkRefused(t, err, `override.user: no user "nobody"`)
	_, err = detonate.NewPlan(img, root(), detonate.Overrides{Entrypoint: []string{"/x"}})
	checkRefused(t, err, "override.entrypoint: /x: no such file")
	got, err := detonate.NewPlan(img, root(), detonate.Overrides{User: "0", Detail: plan.Full, Env: []string{"PATH"}, Cmd: []string{"/bin/app"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.User.UID != 0 || got.Detail != plan.Full || got.Env[0] != "HOSTNAME="+got.Hostname {
		t.Errorf("user %d, detail %q, environment %q: the overrides were not followed", got.User.UID, got.Detail, got.Env)
	}
}

// TestNewPlanNetwork takes over what the operator says of the internet.
func TestNewPlanNetwork(t *testing.T) {
	img := newImage(detonaut.Config{Cmd: []string{"app"}})
	egress := plan.DefaultEgress()
	egress.Allow = []string{"example.com"}
	answers := []plan.Answer{{Host: "*", Body: "hello"}}
	for _, o := range []detonate.Overrides{
		{Network: plan.None},
		{Network: plan.Live, Internet: plan.Internet{Egress: &egress, Record: true}},
		{Network: plan.Simulated, Internet: plan.Internet{Answers: answers, Replay: "/record", ResolveRandom: true, NoProbe: true}},
	} {
		got, err := detonate.NewPlan(img, root(), o)
		if err != nil {
			t.Fatal(err)
		}
		want := o.Internet
		if o.Network != plan.None {
			want.Trust = got.Internet.Trust
		}
		if diff := cmp.Diff(want, got.Internet); diff != "" || got.Network != o.Network {
			t.Errorf("network %q, want %q; internet (-want +got):\n%s", got.Network, o.Network, diff)
		}
	}
}

// brokenFS has a file that cannot be read.
type brokenFS struct{ fstest.MapFS }

var errBroken = errors.New("input/output error")

func (b brokenFS) Open(name string) (fs.File, error) {
	if name == "usr/bin/secret" || name == "etc/shadow" {
		return nil, errBroken
	}
	return b.MapFS.Open(name)
}

// TestNewPlanUnreadable shows that our failure to read is not held against the
// subject.
func TestNewPlanUnreadable(t *testing.T) {
	_, err := detonate.NewPlan(newImage(detonaut.Config{Cmd: []string{"secret"}}), brokenFS{root()}, detonate.Overrides{})
	if !errors.Is(err, errBroken) || errors.Is(err, detonaut.ErrRun) {
		t.Errorf("got %v, want %v, which is not %v", err, errBroken, detonaut.ErrRun)
	}
}

func TestDigest(t *testing.T) {
	p, err := detonate.NewPlan(newImage(detonaut.Config{Cmd: []string{"app"}}), root(), detonate.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := detonate.Digest(p)
	p.Image, p.Internet.Replay = "/elsewhere", "/elsewhere/record"
	if got := detonate.Digest(p); got != want {
		t.Errorf("the digest depends on where the image or the record lies: %s, %s", got, want)
	}
	p.Detail = plan.Full
	if got := detonate.Digest(p); got == want || !strings.HasPrefix(string(got), "sha256:") || len(got) != 71 {
		t.Errorf("the digest of another plan is %s, of the first %s", got, want)
	}
}

// FuzzNewPlan: whatever the accounts, the program and the config say, the
// outcome is a valid plan or a fact about the subject.
func FuzzNewPlan(f *testing.F) {
	f.Add([]byte(passwd), []byte(group), []byte("#!/bin/app\n"), "nginx:ssl", "/bin/link", "/srv/app")
	f.Add([]byte(passwd), []byte(group), program(elf.EM_X86_64, "/lib64/ld.so\x00"), "0", "link", "../link")
	f.Fuzz(func(t *testing.T, passwd, group, program []byte, user, command, target string) {
		fsys := root()
		fsys["etc/passwd"], fsys["etc/group"] = file(0o644, string(passwd)), file(0o644, string(group))
		fsys["usr/bin/app"], fsys["usr/bin/link"] = file(0o755, string(program)), link(target)
		img := newImage(detonaut.Config{Entrypoint: []string{command}, User: user, WorkingDir: target})
		p, err := detonate.NewPlan(img, fsys, detonate.Overrides{})
		if err != nil {
			if !errors.Is(err, detonaut.ErrRun) && !errors.Is(err, fs.ErrInvalid) { // of names that io/fs has not
				t.Fatalf("got %v, want a fact about the subject", err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("an invalid plan: %v", err)
		}
	})
}
