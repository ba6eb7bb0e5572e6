package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/server"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/servertest"
	"github.com/detonaut/detonaut/internal/store"
)

// BenchmarkServe asks for what is asked for most, as a browser does, with a usual report and a large one. The
// metric bytes is what goes over the network.
func BenchmarkServe(b *testing.B) {
	s := servertest.New(b)
	large, usual := reporttest.Large(), reporttest.Realistic(1)
	for _, r := range []*detonaut.Report{large, usual} {
		if _, err := s.Put(b.Context(), store.Entry{Report: r}); err != nil {
			b.Fatal(err)
		}
	}
	much := guard.Rate{Minute: 1e9, Burst: 1e9}
	srv, err := server.New(server.Options{Store: s, Public: true, Limits: guard.Limits{Address: much, Key: much}})
	if err != nil {
		b.Fatal(err)
	}
	for _, ask := range []struct{ name, path string }{
		{"guard", "/healthz"},
		{"front", "/"},
		{"list", "/api/v1/reports"},
		{"report", "/api/v1/reports/" + string(usual.Image.Digest)},
		{"page", "/image/" + string(usual.Image.Digest)},
		{"large-report", "/api/v1/reports/" + string(large.Image.Digest)},
		{"large-page", "/image/" + string(large.Image.Digest)},
	} {
		b.Run(ask.name, func(b *testing.B) {
			bytes := 0
			for b.Loop() {
				req := httptest.NewRequest(http.MethodGet, ask.path, nil)
				req.Header.Set("Accept-Encoding", "gzip")
				req.Header.Set("Accept", "text/html")
				w := httptest.NewRecorder()
				srv.Handler().ServeHTTP(w, req)
				if w.Code != http.StatusOK {
					b.Fatalf("got %d", w.Code)
				}
				n, _ := io.Copy(io.Discard, w.Result().Body)
				bytes = int(n)
			}
			b.ReportMetric(float64(bytes), "bytes")
		})
	}
}
