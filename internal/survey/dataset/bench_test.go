package dataset_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
	"github.com/detonaut/detonaut/internal/survey/dataset"
)

// many is a survey of many images, which are made as they are asked for.
type many struct {
	surveys
	n        int64
	measured []*measure.Measure
}

func (s *many) Results(_ context.Context, _ string, after store.Place, limit int) (all []store.Result, err error) {
	for i := after.Candidate + 1; i <= s.n && len(all) < limit; i++ {
		c := store.Candidate{Number: i, State: store.CandidateLooked, Weight: 1, Class: store.ClassCommunity}
		c.Registry, c.Name, c.Pulls = "docker.io", fmt.Sprintf("team%d/app%d", i/7, i), i
		item := &store.Item{Number: i, State: store.ItemDone, Digest: detonaut.Digest(fmt.Sprintf("sha256:%064x", i)), Platform: "linux/amd64"}
		all = append(all, store.Result{Candidate: c, Item: item, Measured: s.measured[int(i)%len(s.measured)], Key: "k", Aim: "a"})
	}
	return all, nil
}

// BenchmarkWrite writes surveys of 100,000 and of 400,000 images, and tells how much memory the process has
// taken of the system at the end.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int64{100_000, 400_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := &many{surveys: surveys{survey: store.Survey{Name: "many"}}, n: n}
			for seed := range uint64(64) {
				s.measured = append(s.measured, measure.Of(reporttest.Realistic(seed)))
			}
			for b.Loop() {
				if err := dataset.Write(b.Context(), filepath.Join(b.TempDir(), "data"), s, "many", about); err != nil {
					b.Fatal(err)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/1e6, "MB")
		})
	}
}
