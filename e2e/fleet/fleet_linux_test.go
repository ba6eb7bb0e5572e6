package fleet_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut/e2e/survey/compare"
	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/e2e/survey/product"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/testenv"
)

const (
	tapes        = "../survey/testdata/tapes"
	repositories = 500
	name         = "fleet"
	// So slow it is that something is left to do when each fails.
	rate, burst = 25, 20
)

// fleet is everything that fails.
type fleet struct {
	hub      *hub.Hub
	host     string
	database *testenv.PostgresServer
	url      string
	objects  *testenv.SeaweedFSServer
	product  *product.Product
	ids      map[string]string // of workers, as the database knows them
	total    int               // images to be analysed, each digest once
}

// A fleet of which everything fails in its turn says exactly what one that is left alone does, and
// each result is kept once.
func TestFleet(t *testing.T) {
	began := time.Now()
	f := newFleet(t)
	servers := []*product.Process{f.serve(t, "server-0"), f.serve(t, "server-1")}
	cut := f.cut(t)
	workers := []*product.Process{f.work(t, "worker-0"), f.work(t, "worker-1"), f.skewed(t, cut), f.small(t)}
	f.product.Run(t, "survey", "new", name, "--source", "registry:"+f.host, "--database", f.url, "--blobs", f.blobs())

	f.reaches(t, 10, workers)
	f.busy(t, "worker-0")
	workers[0].Kill()
	workers[0] = f.work(t, "worker-4")

	f.reaches(t, 20, workers)
	f.busy(t, "worker-1")
	workers[1].Signal(syscall.SIGSTOP)
	f.lost(t, "worker-1")
	workers[1].Signal(syscall.SIGCONT)

	f.reaches(t, 35, workers)
	f.database.Stop(t)
	f.database.Start(t)

	f.reaches(t, 45, workers)
	f.objects.Stop(t)
	f.objects.Start(t)

	f.reaches(t, 55, workers)
	f.busy(t, "worker-2")
	for _, p := range cut {
		p.cut()
	}
	f.lost(t, "worker-2")
	for _, p := range cut {
		p.mend()
	}

	f.reaches(t, 65, workers)
	f.busy(t, "worker-3")
	free := f.fill(t, workers[3])
	f.reaches(t, 85, workers)
	t.Logf("the worker whose disk is full says so %d times", strings.Count(workers[3].Said(), syscall.ENOSPC.Error()))
	free()

	servers[0].Kill()
	f.serve(t, "server-2")
	f.ends(t, workers)
	f.check(t)
	compare.Polite(t, f.hub, began, rate, burst)
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	h, err := hub.New(hub.Options{Seed: 2, Repositories: repositories})
	if err != nil {
		t.Fatal(err)
	}
	registry := httptest.NewServer(h.Registry())
	t.Cleanup(registry.Close)
	t.Cleanup(h.Close) // first
	f := &fleet{ids: map[string]string{}, hub: h, host: strings.TrimPrefix(registry.URL, "http://"), objects: testenv.SeaweedFS(t), database: testenv.Postgres(t)}
	f.url = f.database.URL(t)
	f.product = product.New(t, tapes, fmt.Sprintf("worker:\n  lease: 5s\n  catalogue: 2\n  concurrency: 2\npoliteness:\n  rates: [%q]\nstatic:\n  salt: %s\n",
		fmt.Sprintf("%s=%d/%d", f.host, rate, burst), saltFile(t)))
	images := map[string]bool{}
	for _, r := range h.Repositories() {
		if o := h.Outcome(r); o.State == store.ItemDone {
			images[o.Planted.Digest] = true
		}
	}
	f.total = len(images)
	f.product.Run(t, "store", "migrate", "--database", f.url, "--blobs", f.blobs())
	f.count(t)
	return f
}

// saltFile is the secret that those who are to find the same share.
func saltFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "salt")
	if err := os.WriteFile(file, []byte("the fleet has one salt for everyone"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (f *fleet) blobs() string { return f.objects.URL(f.objects.Endpoint()) }

// count has the database itself count how often a report is kept, and how often a job is done: what
// is not committed does not count.
func (f *fleet) count(t *testing.T) {
	t.Helper()
	f.exec(t, `CREATE TABLE kept (digest TEXT, key TEXT);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kept VALUES (NEW.digest, NEW.key); RETURN NEW; END $$;
CREATE TRIGGER kept AFTER INSERT OR UPDATE OF body ON reports FOR EACH ROW EXECUTE FUNCTION keep();
CREATE TABLE done (job BIGINT, kind TEXT);
CREATE FUNCTION do_done() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO done VALUES (NEW.id, NEW.kind); RETURN NEW; END $$;
CREATE TRIGGER done AFTER UPDATE OF state ON river_job FOR EACH ROW
WHEN (NEW.state = 'completed' AND OLD.state <> 'completed') EXECUTE FUNCTION do_done();`)
}

// db does something with the database.
func (f *fleet) db(t *testing.T, do func(*sql.DB) error) error {
	t.Helper()
	db, err := sql.Open("pgx", f.url)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

func (f *fleet) exec(t *testing.T, statement string) {
	t.Helper()
	if err := f.db(t, func(db *sql.DB) error { _, err := db.ExecContext(t.Context(), statement); return err }); err != nil {
		t.Fatal(err)
	}
}

// number is what a query says.
func (f *fleet) number(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := f.db(t, func(db *sql.DB) error { return db.QueryRowContext(t.Context(), query, args...).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func (f *fleet) serve(t *testing.T, name string) *product.Process {
	t.Helper()
	s := f.product.Start(t, name, "serve", "--no-worker", "--listen", "127.0.0.1:0", "--database", f.url, "--blobs", f.blobs())
	s.Says(t, "serving ")
	return s
}

// command is a worker with a cache of its own.
func (f *fleet) command(t *testing.T, name, database, blobs string) *exec.Cmd {
	t.Helper()
	cmd := f.product.Command(context.WithoutCancel(t.Context()), "worker", "--database", database, "--blobs", blobs)
	cache := filepath.Join(f.product.Dir, name)
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache)
	return cmd
}

func (f *fleet) work(t *testing.T, name string) *product.Process {
	t.Helper()
	return f.begin(t, name, f.command(t, name, f.url, f.blobs()))
}

// begin starts a worker, and waits until the database knows it.
func (f *fleet) begin(t *testing.T, name string, cmd *exec.Cmd) *product.Process {
	t.Helper()
	known := f.workers(t)
	w := f.product.StartCommand(t, name, cmd)
	for look := time.NewTicker(100 * time.Millisecond); ; <-look.C {
		for _, id := range f.workers(t) {
			if !slices.Contains(known, id) {
				f.ids[name] = id
				return w
			}
		}
		f.live(t, []*product.Process{w})
	}
}

// workers are those that the database knows.
func (f *fleet) workers(t *testing.T) []string {
	t.Helper()
	var all string
	err := f.db(t, func(db *sql.DB) error {
		return db.QueryRowContext(t.Context(), "SELECT COALESCE(string_agg(process, ' '), '') FROM workers").Scan(&all)
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(all)
}

// cut makes the network of a worker to the database and to the store of objects.
func (f *fleet) cut(t *testing.T) []*pipe {
	t.Helper()
	u, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pipe-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	const socket = ".s.PGSQL.5432"
	return []*pipe{
		newPipe(t, "unix", filepath.Join(dir, socket), filepath.Join(u.Query().Get("host"), socket)),
		newPipe(t, "tcp", "127.0.0.1:0", strings.TrimPrefix(f.objects.Endpoint(), "http://")),
	}
}

// skewed is a worker whose clock is five hours ahead, behind pipes. Its program is the product, in
// which who opens the store says so.
func (f *fleet) skewed(t *testing.T, pipes []*pipe) *product.Process {
	t.Helper()
	root := testenv.Root(t)
	source := filepath.Join(root, "cmd/detonaut/store.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const opens = "store.Options{"
	if !strings.Contains(string(text), opens) {
		t.Fatalf("%s does not open a store with %s any more", source, opens)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	changed := write("store.go", strings.ReplaceAll(string(text), opens, opens+"Now: skewed, "))
	clock := write("skewed.go", "package main\n\nimport \"time\"\n\nfunc skewed() time.Time { return time.Now().Add(5 * time.Hour) }\n")
	overlay := write("overlay.json", fmt.Sprintf(`{"Replace": {%q: %q, %q: %q}}`, source, changed, filepath.Join(root, "cmd/detonaut/skewed.go"), clock))
	program := filepath.Join(dir, "detonaut")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", overlay, "-o", program, "./cmd/detonaut")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build detonaut with another clock: %v\n%s", err, out)
	}
	u, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", filepath.Dir(pipes[0].address()))
	u.RawQuery = q.Encode()
	cmd := f.command(t, "worker-2", u.String(), f.objects.URL("http://"+pipes[1].address()))
	cmd.Path, cmd.Args[0] = program, program
	return f.begin(t, "worker-2", cmd)
}

// small is a worker whose cache is on a small disk of its own.
func (f *fleet) small(t *testing.T) *product.Process {
	t.Helper()
	const name = "worker-3"
	cmd := f.command(t, name, f.url, f.blobs())
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	mount := []string{unshare, "--mount"}
	if os.Getuid() != 0 {
		mount = append(mount, "--user", "--map-root-user")
	}
	mount = append(mount, "sh", "-c", `mount -t tmpfs -o size=64m none "$0" && exec "$@"`, filepath.Join(f.product.Dir, name))
	cmd.Path, cmd.Args = unshare, append(mount, append([]string{f.product.Program}, cmd.Args[1:]...)...)
	return f.begin(t, name, cmd)
}

// fill fills the disk of a worker, until the function that it returns is called.
func (f *fleet) fill(t *testing.T, w *product.Process) (free func()) {
	t.Helper()
	name := filepath.Join("/proc", fmt.Sprint(w.PID()), "root", f.product.Dir, w.Name, "filler")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 1<<20); err == nil; {
		_, err = file.Write(block)
	}
	if !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// busy waits until a worker has jobs, and lost until it has none any more.
func (f *fleet) busy(t *testing.T, worker string) {
	f.holds(t, worker, func(n int) bool { return n > 0 })
}

func (f *fleet) lost(t *testing.T, worker string) {
	f.holds(t, worker, func(n int) bool { return n == 0 })
}

func (f *fleet) holds(t *testing.T, worker string, so func(int) bool) {
	t.Helper()
	for look := time.NewTicker(50 * time.Millisecond); ; <-look.C {
		if so(f.number(t, "SELECT COUNT(*) FROM leases WHERE process = $1", f.ids[worker])) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("%s keeps its jobs, or has none", worker)
		}
	}
}

// survey is how far it is.
func (f *fleet) survey(t *testing.T) *store.Survey {
	t.Helper()
	s, err := postgres.Open(t.Context(), f.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Survey(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// reaches waits until so many of a hundred images are analysed.
func (f *fleet) reaches(t *testing.T, percent int, workers []*product.Process) {
	t.Helper()
	for look := time.NewTicker(200 * time.Millisecond); f.number(t, "SELECT COUNT(*) FROM reports") < f.total*percent/100; <-look.C {
		f.live(t, workers)
	}
	t.Logf("%d %% at %s", percent, time.Now().Format(time.TimeOnly))
}

// live fails if a worker has ended, or the time is over.
func (f *fleet) live(t *testing.T, workers []*product.Process) {
	t.Helper()
	if i := slices.IndexFunc(workers, func(w *product.Process) bool { return !w.Runs() }); i >= 0 {
		t.Fatalf("%s has ended:\n%s", workers[i].Name, workers[i].Said())
	}
	if t.Context().Err() != nil {
		t.Fatalf("the survey does not end: %+v", f.survey(t))
	}
}

// left are jobs that have not ended.
const left = "SELECT COUNT(*) FROM river_job WHERE state NOT IN ('completed', 'discarded', 'cancelled')"

// ends waits until the survey has ended and there is no job any more, and has the workers end.
func (f *fleet) ends(t *testing.T, workers []*product.Process) {
	t.Helper()
	for look := time.NewTicker(500 * time.Millisecond); f.survey(t).State != store.SurveyDone || f.number(t, left) > 0; <-look.C {
		f.live(t, workers)
	}
	for _, w := range workers {
		w.Signal(syscall.SIGTERM)
	}
	for _, w := range workers {
		if code, err := w.Wait(t.Context()); err != nil || code != 0 {
			t.Errorf("%s ended with %d, %v:\n%s", w.Name, code, err, w.Said())
		}
	}
}

// check holds what is kept to what is planted, and to having been kept once.
func (f *fleet) check(t *testing.T) {
	t.Helper()
	s, err := postgres.Open(t.Context(), f.url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	digests := compare.Results(t, f.hub, s, name)
	if n := f.number(t, "SELECT COUNT(*) FROM kept"); n != len(digests) {
		t.Errorf("%d reports were kept, of %d images", n, len(digests))
	}
	for what, query := range map[string]string{
		"images whose report was kept again": "SELECT COUNT(*) FROM (SELECT digest FROM kept GROUP BY digest HAVING COUNT(*) > 1) again",
		"jobs that were done again":          "SELECT COUNT(*) FROM (SELECT job FROM done GROUP BY job HAVING COUNT(*) > 1) again",
		"jobs that have not ended":           left,
		"leases that are left":               "SELECT COUNT(*) FROM leases",
	} {
		if n := f.number(t, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}
