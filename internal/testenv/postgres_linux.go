package testenv

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// PostgresServer is a PostgreSQL of Debian's package that listens at a socket in a
// directory of its own. Its databases sort text as people do, not by bytes, as most do. Its
// methods are called by one goroutine at a time, apart from URL.
type PostgresServer struct {
	dir, programs string
	account       *syscall.Credential // nil for that of the test
	settings      []string

	keeper *exec.Cmd      // the shell that runs it
	hold   io.WriteCloser // which ends it when this closes
	server int            // process id
}

// shared is the server of [PostgresURL].
var shared struct {
	sync.Mutex
	server *PostgresServer
}

// PostgresURL returns the URL of an empty database, of a server that all tests of a package
// share. The database is dropped at the end of the test, the server ends with the process.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = newPostgres(tb, nil)
		shared.server.Start(tb)
	}
	return shared.server.URL(tb)
}

// Postgres starts a server for one test, that may stop it. It ends with the test. settings
// are such as "fsync=off"; everything is as in Debian without them.
func Postgres(tb testing.TB, settings ...string) *PostgresServer {
	tb.Helper()
	p := newPostgres(tb, settings)
	tb.Cleanup(func() {
		p.end(tb)
		if err := os.RemoveAll(p.dir); err != nil {
			tb.Errorf("remove a database: %v", err)
		}
	})
	p.Start(tb)
	return p
}

// URL makes an empty database and returns its URL. It is dropped at the end of the test if
// the server runs then.
func (p *PostgresServer) URL(tb testing.TB) string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	p.run(tb, "createdb", "--host="+p.dir, "--username=postgres", name)
	tb.Cleanup(func() {
		if p.server != 0 {
			p.run(tb, "dropdb", "--host="+p.dir, "--username=postgres", "--force", name)
		}
	})
	return "postgres:///" + name + "?" + url.Values{"host": {p.dir}, "user": {"postgres"}}.Encode()
}

// Stop kills every process of the server at once, as if the power had failed.
func (p *PostgresServer) Stop(tb testing.TB) {
	tb.Helper()
	if p.server == 0 {
		tb.Fatal("stop PostgreSQL: it does not run")
	}
	_ = syscall.Kill(p.server, syscall.SIGSTOP) // that it starts no more
	for state := ""; state != "T" && lives(p.server); state = stateOf(p.server) {
		<-time.After(time.Millisecond)
	}
	all := children(p.server)
	for _, child := range all {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = syscall.Kill(p.server, syscall.SIGKILL)
	if _, err := io.WriteString(p.hold, "keep\n"); err != nil {
		tb.Fatalf("stop PostgreSQL: %v", err)
	}
	p.end(tb)
	// As long as one of them holds the memory that they share, no other server starts.
	for _, child := range all {
		for lives(child) && tb.Context().Err() == nil {
			<-time.After(time.Millisecond)
		}
	}
}

// keeper runs a server until its own input ends: then the test has closed it, or is
// no more. Nothing is left of it unless somebody said so.
const keeper = `
dir=$1; shift
"$@" >>"$dir/log" 2>&1 </dev/null &
echo $!
keep=
while read -r word; do keep=$word; done
kill -QUIT $! 2>/dev/null
wait $!
[ -n "$keep" ] || rm -rf "$dir"
`

// Start starts a server that does not run, and waits until it answers.
func (p *PostgresServer) Start(tb testing.TB) {
	tb.Helper()
	// The socket is all that it listens at, and the directory is closed to others.
	args := []string{"-c", keeper, "keeper", p.dir, filepath.Join(p.programs, "postgres"), "-D", filepath.Join(p.dir, "data"), "-k", p.dir}
	for _, setting := range append([]string{"listen_addresses=", "dynamic_shared_memory_type=mmap"}, p.settings...) {
		args = append(args, "-c", setting)
	}
	p.keeper = p.command(context.WithoutCancel(tb.Context()), "/bin/sh", args...)
	p.keeper.SysProcAttr.Setsid = true // no signal of a terminal
	hold, err := p.keeper.StdinPipe()
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	said, err := p.keeper.StdoutPipe()
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	if err := p.keeper.Start(); err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	p.hold = hold
	line, _ := bufio.NewReader(said).ReadString('\n')
	if p.server, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	for look := time.NewTicker(20 * time.Millisecond); ; <-look.C {
		if p.command(tb.Context(), filepath.Join(p.programs, "pg_isready"), "--quiet", "--host="+p.dir).Run() == nil {
			return
		}
		if tb.Context().Err() != nil || !lives(p.server) {
			log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			tb.Fatalf("start PostgreSQL: it does not answer:\n%s", log)
		}
	}
}

// end ends the server if it runs, and waits for that.
func (p *PostgresServer) end(tb testing.TB) {
	tb.Helper()
	if p.server == 0 {
		return
	}
	p.server = 0
	p.hold.Close()
	if err := p.keeper.Wait(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			tb.Errorf("end PostgreSQL: %v", err)
		}
	}
}

// newPostgres makes the directory of a server.
func newPostgres(tb testing.TB, settings []string) *PostgresServer {
	tb.Helper()
	p := &PostgresServer{settings: settings}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		tb.Fatal("find PostgreSQL: there is no /usr/lib/postgresql/*/bin/initdb; run testdata/needs.sh test")
	}
	p.programs = filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "postgres-")
	if err != nil {
		tb.Fatalf("make a database: %v", err)
	}
	p.dir = dir
	if os.Getuid() == 0 { // it does not run as root
		p.account = accountOf(tb, "postgres")
		if err := os.Chown(dir, int(p.account.Uid), int(p.account.Gid)); err != nil {
			tb.Fatalf("make a database: %v", err)
		}
	}
	p.run(tb, "initdb", "--pgdata="+filepath.Join(dir, "data"), "--username=postgres", "--auth=trust", "--no-sync",
		"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
	return p
}

// accountOf returns an account of this machine, with its own group alone.
func accountOf(tb testing.TB, name string) *syscall.Credential {
	tb.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		tb.Fatalf("find the account of %s: %v; run testdata/needs.sh test", name, err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatalf("find the account of %s: %v", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// command is one that runs as the server does.
func (p *PostgresServer) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	return cmd
}

// run runs a program of PostgreSQL and fails with what it said.
func (p *PostgresServer) run(tb testing.TB, program string, args ...string) {
	tb.Helper()
	cmd := p.command(context.WithoutCancel(tb.Context()), filepath.Join(p.programs, program), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("run %s: %v\n%s", program, err, out)
	}
}

// children are the processes whose parent a process is.
func children(parent int) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// lives tells whether a process runs, or waits to.
func lives(pid int) bool {
	state := stateOf(pid)
	return state != "" && state != "Z"
}

// stateOf is the letter of the state of a process; empty if there is none.
func stateOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, state, _ := strings.Cut(string(text), "\nState:\t")
	return state[:min(len(state), 1)]
}
