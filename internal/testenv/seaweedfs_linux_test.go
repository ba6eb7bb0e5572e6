package testenv_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/testenv"
)

// What the server has acknowledged is there after its power failed.
func TestSeaweedFS(t *testing.T) {
	s := testenv.SeaweedFS(t)
	ask := func(method, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.Endpoint()+"/detonaut/folder/object", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(got)
	}
	if status, got := ask(http.MethodPut, "content"); status != http.StatusOK {
		t.Fatalf("put: %d %s", status, got)
	}
	s.Stop(t)
	s.Start(t)
	if status, got := ask(http.MethodGet, ""); status != http.StatusOK || got != "content" {
		t.Errorf("after a kill: %d %q", status, got)
	}
}
