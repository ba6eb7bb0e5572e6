package survey_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/detonaut/detonaut/e2e/survey/product"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/testenv"
)

// kind is one of a mix: what it is, how many there are, and how they are run.
type kind struct {
	name   string
	count  int
	image  v1.Image
	config v1.Config
}

// path is where the programs of Debian are.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// mix are images as registries have them: many small ones, services on a common base, and some large ones.
// Each kind has several images, that differ in their configuration; their layers are shared.
func mix(b *testing.B) (all []kind) {
	b.Helper()
	_, small := images(b)
	for _, name := range slices.Sorted(maps.Keys(small)) {
		file, err := small[name].ConfigFile()
		must(b, err)
		all = append(all, kind{name, 1, small[name], file.Config})
	}
	base := func(name string, count int, root string, config v1.Config) {
		layer, err := imagetest.TarLayer(root)
		must(b, err)
		img, err := imagetest.FromLayers(layer)
		must(b, err)
		config.Env = []string{path}
		all = append(all, kind{name, count, img, config})
	}
	servers, large := testenv.Debian(b), testenv.DebianLarge(b)
	base("nginx", 2, servers, v1.Config{Cmd: []string{"nginx", "-g", "daemon off;"}})
	base("redis", 2, servers, v1.Config{Cmd: []string{"redis-server", "--protected-mode", "no"}})
	base("python", 2, servers, v1.Config{Cmd: []string{"python3", "-m", "http.server", "8000"}})
	base("large", 3, large, v1.Config{Cmd: []string{"sh", "-c", "dpkg --list; find /usr -name '*.conf'"}})
	return all
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSurvey measures what an image of a mix costs, all included, with the real chamber: one at a time, so
// that each stage is told its own. With -update the figures of docs/operating.md are these.
func BenchmarkSurvey(b *testing.B) {
	registry := imagetest.NewRegistry()
	defer registry.Close()
	var refs strings.Builder
	n := 0
	for _, k := range mix(b) {
		for i := range k.count {
			k.config.Labels = map[string]string{"number": strconv.Itoa(i)}
			img, err := configured(k.image, k.config)
			must(b, err)
			ref, err := registry.Push(fmt.Sprintf("mix/%s-%d:latest", k.name, i), img)
			must(b, err)
			fmt.Fprintln(&refs, ref)
			n++
		}
	}
	file := filepath.Join(b.TempDir(), "refs")
	must(b, os.WriteFile(file, []byte(refs.String()), 0o600))
	for b.Loop() {
		measure(b, registry.Host(), file, n)
	}
}

func measure(b *testing.B, host, file string, n int) {
	b.Helper()
	p := product.New(b, tapes, settings(host, 1000, 1000)+fmt.Sprintf("guests:\n  registries: [%q]\n", host)) // of which nothing is played
	dir := filepath.Join(p.Dir, "config/detonaut/config.yaml")
	text, err := os.ReadFile(dir)
	must(b, err)
	// Neither the bounds nor the patience of the hub.
	must(b, os.WriteFile(dir, regexp.MustCompile(`(?m)^(image:|  (max_uncompressed|max_entries|silence): .*)\n`).ReplaceAll(text, nil), 0o600))
	p.Run(b, "survey", "new", "all", "--source", "file:"+file, "--duration", "20s")
	database := filepath.Join(p.Dir, "data/detonaut/store.db")
	empty := size(b, database)
	began := time.Now()
	w := p.Start(b, "worker", "worker", "--concurrency", "1", "--duration", "20s", "--metrics", "127.0.0.1:0")
	address := w.Says(b, "metrics at ")
	waitFor(b, database, w, func(s *store.Survey) bool { return s.State == store.SurveyDone })
	wall := time.Since(began).Seconds()
	spent := processor(b, strings.Fields(address)[0])
	w.Kill()
	found, err := open(b, database).Survey(b.Context(), "all")
	must(b, err)
	if found.Items[store.ItemDone] != n {
		b.Fatalf("of %d images %v were analysed: %v", n, found.Items, found.Reasons)
	}
	kept := map[string]int64{"row": size(b, database) - empty, "blobs": size(b, filepath.Join(filepath.Dir(database), "blobs"))}
	publish(b, spent, wall, kept, n)
}

// size is how many bytes are in the files that are called so, or are below a folder.
func size(b *testing.B, name string) (sum int64) {
	b.Helper()
	files, err := filepath.Glob(name + "*") // a database of SQLite has some
	must(b, err)
	for _, file := range files {
		must(b, filepath.WalkDir(file, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				sum += info.Size()
			}
			return err
		}))
	}
	return sum
}

var metric = regexp.MustCompile(`^detonaut_stage_cpu_seconds_total\{stage="([^"]+)"\} ([0-9.e+-]+)$`)

// processor is what each stage took of it, in seconds.
func processor(b *testing.B, address string) map[string]float64 {
	b.Helper()
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, strings.TrimSuffix(address, "/metrics")+"/metrics", nil)
	must(b, err)
	resp, err := http.DefaultClient.Do(req)
	must(b, err)
	defer resp.Body.Close()
	spent := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if m := metric.FindStringSubmatch(lines.Text()); m != nil {
			spent[m[1]], err = strconv.ParseFloat(m[2], 64)
			must(b, err)
		}
	}
	if len(spent) == 0 {
		b.Fatal("the worker does not tell what its stages cost")
	}
	return spent
}

// publish prints the table, and has docs/operating.md calculate with it.
func publish(b *testing.B, spent map[string]float64, wall float64, kept map[string]int64, n int) {
	b.Helper()
	load, _ := os.ReadFile("/proc/loadavg")
	all := 0.0
	var table strings.Builder
	for _, stage := range slices.Sorted(maps.Keys(spent)) {
		all += spent[stage]
		fmt.Fprintf(&table, "| %s | %.3f |\n", stage, spent[stage]/float64(n))
	}
	fmt.Printf("\n%d images one at a time in %.0f s, on %d cores, load average %.14s\n\n| stage | CPU s an image |\n|---|---|\n%s| all | %.2f |\n\nimages an hour, one at a time: %.0f; as many as %d cores bear: %.0f\n",
		n, wall, runtime.NumCPU(), load, table.String(), all/float64(n), float64(n)/wall*3600, runtime.NumCPU(), 3600*float64(runtime.NumCPU())/(all/float64(n)))
	row, blobs := float64(kept["row"])/1000/float64(n), float64(kept["blobs"])/1000/float64(n)
	fmt.Printf("kept of an image: %.1f kB in the database (SQLite; what images share is in it once, so it is less of many), %.1f kB of blobs\n", row, blobs)
	figures := map[string]float64{"cpu": all / float64(n), "wall": wall / float64(n), "blobs": blobs}
	b.ReportMetric(all/float64(n), "cpu-s/image")
	b.ReportMetric(wall/float64(n), "s/image")
	if !golden.Updating() {
		return
	}
	file := filepath.Join(testenv.Root(b), "docs/operating.md")
	text, err := os.ReadFile(file)
	must(b, err)
	for key, value := range figures {
		line := regexp.MustCompile(`(?m)^\| ` + key + ` \| ([^|]+) \| [0-9.]+ \| [^|]+ \|$`)
		text = line.ReplaceAll(text, fmt.Appendf(nil, "| %s | $1 | %.1f | make bench-survey |", key, value))
	}
	must(b, os.WriteFile(file, text, 0o644))
}

// configured is an image that is run in another way.
func configured(img v1.Image, c v1.Config) (v1.Image, error) {
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Config = c
	return mutate.ConfigFile(img, file)
}
