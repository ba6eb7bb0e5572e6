package testenv_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/testenv"
)

func TestS3(t *testing.T) {
	bucket, err := url.Parse(testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	object := bucket.Query().Get("endpoint") + "/" + bucket.Host + "/folder/object"
	for _, step := range []struct {
		method, body string
		status       int
		answer       string
	}{
		{"GET", "", http.StatusNotFound, ""},
		{"PUT", "content", http.StatusOK, ""},
		{"GET", "", http.StatusOK, "content"},
		{"DELETE", "", http.StatusNoContent, ""},
		{"GET", "", http.StatusNotFound, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), step.method, object, strings.NewReader(step.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != step.status || step.answer != "" && string(body) != step.answer {
			t.Errorf("%s: %s %q, want %d %q", step.method, resp.Status, body, step.status, step.answer)
		}
	}
}
