package room

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

const gib = 1 << 30

var needs = Needs{Waiting: 96 << 20, Computing: 256 << 20, Reserve: gib}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    Machine
		most int
		want Limits
	}{
		{"nothing known", Machine{CPUs: 2}, 0, Limits{Most: 8, Slots: 2, Pulls: 2, Needs: needs}},
		{"asked for", Machine{CPUs: 2, Memory: 16 * gib}, 5, Limits{Most: 5, Slots: 2, Pulls: 2, Needs: needs}},
		{"by memory", Machine{CPUs: 2, Memory: 8 * gib}, 0, Limits{Most: 64, Slots: 2, Pulls: 2, Needs: needs}},
		{"by processors", Machine{CPUs: 2, Memory: 64 * gib}, 0, Limits{Most: 128, Slots: 2, Pulls: 2, Needs: needs}},
		{"small", Machine{CPUs: 1, Memory: gib / 2}, 0, Limits{Most: 1, Slots: 1, Pulls: 1, Needs: Needs{Waiting: needs.Waiting, Computing: needs.Computing, Reserve: gib / 16}}},
	} {
		if diff := cmp.Diff(tc.want, LimitsOf(tc.m, needs, tc.most)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	if got := NeedsOf(gib, 5); got != (Needs{Waiting: 96 << 20, Computing: 256 << 20, Reserve: 5}) {
		t.Errorf("got %+v", got)
	}
}

func TestDecide(t *testing.T) {
	l := Limits{Most: 40, Slots: 2, Pulls: 2, Needs: needs}
	with := func(available float64) Machine {
		return Machine{CPUs: 2, Memory: 16 * gib, Available: int64(available * gib)}
	}
	pressed := with(8)
	pressed.Some = somePressure
	stuck := with(8)
	stuck.Full = fullPressure
	for _, tc := range []struct {
		name     string
		m        Machine
		now      Load
		admit    int
		shed     int
		strained bool
	}{
		{"empty", with(16), Load{}, 40, 0, false},
		{"nothing known", Machine{CPUs: 1}, Load{Inside: 3}, 37, 0, false},
		{"full", with(16), Load{Inside: 40}, 0, 0, false},
		{"some memory", with(2), Load{Inside: 4}, 2, 0, false},
		{"of the young it is spoken for", with(2), Load{Inside: 4, Young: 4}, 1, 0, false},
		{"of those that compute, too", with(2), Load{Inside: 4, Young: 4, Computing: 2}, 0, 0, false},
		{"one is always begun", with(1.1), Load{}, 1, 0, false},
		{"unless memory is short", with(0.9), Load{}, 0, 0, true},
		{"short", with(0.9), Load{Inside: 8}, 0, 0, true},
		{"short for a moment", with(0.9), Load{Inside: 8, Strained: patience - 1}, 0, 0, true},
		{"short for long", with(0.9), Load{Inside: 8, Strained: patience}, 0, 2, true},
		{"hardly any", with(0.4), Load{Inside: 20}, 0, 7, true},
		{"no more than half of them", with(0), Load{Inside: 8}, 0, 4, true},
		{"those that leave do not count", with(0), Load{Inside: 8, Leaving: 6, Strained: patience}, 0, 1, true},
		{"one stays", with(0), Load{Inside: 8, Leaving: 7, Strained: patience}, 0, 0, true},
		{"alone", with(0), Load{Inside: 1, Strained: time.Hour}, 0, 0, true},
		{"pressure", pressed, Load{Inside: 8}, 0, 0, true},
		{"pressure for long", pressed, Load{Inside: 8, Strained: patience}, 0, 1, true},
		{"all wait", stuck, Load{Inside: 8, Strained: patience}, 0, 1, true},
	} {
		got := l.Decide(tc.m, tc.now)
		if got.Admit != tc.admit || got.Shed != tc.shed || got.Strained != tc.strained || (got.Why == "") != (got.Admit > 0) {
			t.Errorf("%s: got %+v", tc.name, got)
		}
	}
}

// files is a file system of texts.
func files(texts map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range texts {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

const meminfo = "MemTotal:       16777216 kB\nMemFree:          100 kB\nMemAvailable:    8388608 kB\nHugePages_Total:       0\n"

func TestLook(t *testing.T) {
	cpus := Look(files(nil)).CPUs
	if cpus < 1 {
		t.Fatalf("got %d processors", cpus)
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  Machine
	}{
		{"nothing", nil, Machine{CPUs: cpus}},
		{"a machine", map[string]string{
			"proc/meminfo":         meminfo,
			"proc/pressure/memory": "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=1\n",
			"proc/self/cgroup":     "4:memory:/x\n0::/\n",
		}, Machine{CPUs: cpus, Memory: 16 * gib, Available: 8 * gib, Some: 1.5, Full: 0.25}},
		{"a group", map[string]string{
			"proc/meminfo":                        meminfo,
			"proc/pressure/memory":                "some avg10=90.00\nfull avg10=80\n",
			"proc/self/cgroup":                    "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.current":    "3221225472\n",
			"sys/fs/cgroup/a/b/memory.stat":       "anon 5\ninactive_file 1073741824\nactive_file 1073741824\n",
			"sys/fs/cgroup/a/b/memory.max":        "4294967296\n",
			"sys/fs/cgroup/a/b/memory.high":       "max\n",
			"sys/fs/cgroup/a/b/memory.pressure":   "some avg10=3.00\nfull avg10=2.00\n",
			"sys/fs/cgroup/a/b/cpu.max":           "max 100000\n",
			"sys/fs/cgroup/a/memory.current":      "7516192768\n",
			"sys/fs/cgroup/a/memory.high":         "8589934592\n",
			"sys/fs/cgroup/a/memory.pressure":     "some avg10=50.00\nfull avg10=50.00\n",
			"sys/fs/cgroup/a/cpu.max":             "50000 100000\n",
			"sys/fs/cgroup/a/memory.stat":         "",
			"sys/fs/cgroup/memory.pressure":       "some avg10=50.00\n",
			"sys/fs/cgroup/other/memory.max":      "1\n",
			"sys/fs/cgroup/a/b/below/memory.high": "1\n",
		}, Machine{CPUs: 1, Memory: 4 * gib, Available: gib, Some: 3, Full: 2}},
		{"a container", map[string]string{
			"proc/meminfo":                 meminfo,
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.current": "1073741824",
			"sys/fs/cgroup/memory.max":     "2147483648",
		}, Machine{CPUs: cpus, Memory: 2 * gib, Available: gib}},
		{"a group of the first version", map[string]string{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": "9:cpu,cpuacct:/a/b\n4:memory:/a/b\n1:name=systemd:/c\n0::/d\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "4294967296\n",
			"sys/fs/cgroup/memory/a/b/memory.usage_in_bytes": "3221225472\n",
			"sys/fs/cgroup/memory/a/b/memory.stat":           "cache 5\ntotal_inactive_file 1073741824\ntotal_active_file 1\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes":   "9223372036854771711\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us":         "-1\n",
			"sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us":        "100000\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us":           "50000\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_period_us":          "100000\n",
			"sys/fs/cgroup/memory/c/memory.limit_in_bytes":   "1\n",
		}, Machine{CPUs: 1, Memory: 4 * gib, Available: 2*gib + 1}},
		{"a container of the first version", map[string]string{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": "4:memory:/docker/0123\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "1073741824\n",
		}, Machine{CPUs: cpus, Memory: 2 * gib, Available: gib}},
		{"nonsense of the first version", map[string]string{
			"proc/self/cgroup": "memory\n4:memory:/../../proc\n:memory\n",
			"sys/fs/cgroup/memory/proc/memory.limit_in_bytes": "x\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":      "5\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes":      "\n",
			"proc/memory.limit_in_bytes":                      "1\n",
			"proc/memory.usage_in_bytes":                      "1\n",
		}, Machine{CPUs: cpus}},
		{"full", map[string]string{
			"proc/self/cgroup":             "0::/",
			"sys/fs/cgroup/memory.current": "3",
			"sys/fs/cgroup/memory.max":     "2",
		}, Machine{CPUs: cpus, Memory: 2, Available: 0}},
		{"nonsense", map[string]string{
			"proc/meminfo":                 "MemTotal: x kB\nMemAvailable:\n\nMemTotal: 99999999999999999999 kB\n" + strings.Repeat("x", 1<<20),
			"proc/pressure/memory":         "some avg10=NaN\nfull\nsome\n",
			"proc/self/cgroup":             "0::/../../../etc\n",
			"sys/fs/cgroup/etc/cpu.max":    "0 0",
			"sys/fs/cgroup/memory.current": "x",
			"etc/memory.max":               "1",
		}, Machine{CPUs: cpus}},
	} {
		if diff := cmp.Diff(tc.want, Look(files(tc.files))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// plenty is a machine on which nobody waits for memory.
func plenty() Machine { return Machine{CPUs: 2, Memory: 16 * gib, Available: 16 * gib} }

func watched(t *testing.T, r *Room) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var w sync.WaitGroup
	w.Go(func() { r.Watch(ctx) })
	return func() { cancel(); w.Wait() }
}

// TestManyWaitWhileFewCompute: all are inside, two compute at a time, and who is nearly done
// comes before who begins.
func TestManyWaitWhileFewCompute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Most: 10, Needs: needs, Look: plenty})
		var mu sync.Mutex
		computing, most, running := 0, 0, 0
		var order []string
		busy := func(p *Place, stage string, i int) {
			p.Stage(stage)
			mu.Lock()
			computing++
			most = max(most, computing)
			order = append(order, fmt.Sprint(stage, i))
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			computing--
			mu.Unlock()
		}
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				p, err := r.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer p.Leave()
				busy(p, detonaut.StageInventory, i)
				busy(p, detonaut.StageConfig, i) // in the same slot
				p.Stage(detonaut.StageDetonate)
				mu.Lock()
				running++
				mu.Unlock()
				time.Sleep(3 * time.Second)
				busy(p, detonaut.StageExplain, i)
			})
		}
		all.Wait()
		if most != 2 || running != 10 {
			t.Errorf("%d computed at once, %d ran", most, running)
		}
		// The first two are done before the last two have begun.
		first, last := slices.IndexFunc(order, isExplain), len(order)-1-slices.IndexFunc(reversed(order), isInventory)
		if first > last {
			t.Errorf("got %v", order)
		}
		if len(r.inside) != 0 || r.using[Reading] != 0 || r.using[Pulling] != 0 {
			t.Errorf("left: %+v", r.using)
		}
	})
}

func isExplain(s string) bool   { return strings.HasPrefix(s, detonaut.StageExplain) }
func isInventory(s string) bool { return strings.HasPrefix(s, detonaut.StageInventory) }

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// TestShed: when memory gets short nobody enters, and the youngest leaves; when it is there
// again who waits at the door enters.
func TestShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		machine := plenty()
		set := func(available int64) { mu.Lock(); machine.Available = available; mu.Unlock() }
		r := New(Options{Needs: needs, Look: func() Machine { mu.Lock(); defer mu.Unlock(); return machine }})
		defer watched(t, r)()
		var places []*Place
		for range 3 {
			p, err := r.Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			places = append(places, p)
		}
		set(gib - 1)
		time.Sleep(2 * time.Second)
		entered := make(chan *Place)
		go func() {
			p, err := r.Enter(t.Context())
			if err != nil {
				t.Error(err)
			}
			entered <- p
		}()
		time.Sleep(patience + 2*time.Second)
		select {
		case <-entered:
			t.Fatal("somebody entered while memory was short")
		default:
		}
		if s := r.State(); s.Why == "" || !s.Strained || s.Shed != 1 || s.Load.Leaving != 1 || r.Vacant() != 0 {
			t.Errorf("got %+v", s)
		}
		for i, p := range places {
			if got := context.Cause(p.Context()); (i == 2) != errors.Is(got, ErrShed) {
				t.Errorf("place %d: %v", i, got)
			}
		}
		places[2].Leave()
		set(16 * gib)
		p := <-entered
		for _, p := range append(places[:2], p) {
			if p.Context().Err() != nil {
				t.Error("another had to leave")
			}
			p.Leave()
		}
	})
}

// TestVacant: no more are taken than will be pulled soon, and than may enter.
func TestVacant(t *testing.T) {
	changed := 0
	r := New(Options{Most: 5, Needs: needs, Look: plenty, Changed: func() { changed++ }})
	var places []*Place
	for i, want := range []int{3, 2, 1} {
		if got := r.Vacant(); got != want {
			t.Errorf("%d inside: got %d, want %d", i, got, want)
		}
		p, err := r.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	places[0].Stage(detonaut.StagePull)
	if got := r.Vacant(); got != 0 {
		t.Errorf("before they run: got %d", got)
	}
	for _, p := range places {
		p.Stage(detonaut.StageDetonate)
	}
	if got := changed; got != 3 {
		t.Errorf("that there is room was told %d times", got)
	}
	if got := r.Vacant(); got != 2 { // which is all there is room for
		t.Errorf("when all run: got %d", got)
	}
	for _, p := range places {
		p.Leave()
	}
	if got := r.Vacant(); got != 3 {
		t.Errorf("empty: got %d", got)
	}
}

// TestGivesUp: who does not wait any longer, at the door or for a turn, is in nobody's way.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Most: 2, Needs: needs, Look: func() Machine { return Machine{CPUs: 1} }})
		a, err := r.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a.Stage(detonaut.StageInventory)
		ctx, cancel := context.WithCancel(t.Context())
		b, err := r.Enter(ctx)
		if err != nil {
			t.Fatal(err)
		}
		short, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if _, err := r.Enter(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.AfterFunc(time.Second, cancel)
		b.Stage(detonaut.StageInventory) // comes back although a has the slot
		b.Leave()
		c, err := r.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a.Leave()
		c.Stage(detonaut.StageInventory)
		c.Leave()
	})
}
