package source

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkPage is a page of a hundred repositories of Docker Hub, the network apart.
func BenchmarkPage(b *testing.B) {
	var list []object
	for i := range 100 {
		list = append(list, object{"name": fmt.Sprintf("app-%d", i), "description": strings.Repeat("what it does ", 8), "pull_count": i, "star_count": 1, "last_updated": "2026-01-02T03:04:05.123456Z"})
	}
	body, err := json.Marshal(object{"count": 100, "next": "x", "results": list})
	if err != nil {
		b.Fatal(err)
	}
	o := Options{HTTP: &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: reader(body), Request: req}, nil
	})}}
	s, err := Open("dockerhub:official", o)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if found, _, _, err := s.List(b.Context(), ""); err != nil || len(found) != 100 {
			b.Fatal(len(found), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/repository")
}
