package api_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/golden"
)

// The description that is committed is that of the code. With -update it is written anew.
func TestDescription(t *testing.T) {
	const file = "../../../docs/openapi.yaml"
	res := newServer(t).get("/api/v1/openapi.yaml")
	if res.status != 200 {
		t.Fatalf("got %d", res.status)
	}
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(res.body), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), res.body); diff != "" {
		t.Errorf("docs/openapi.yaml is not what the code is; run the test with -update (-file +code):\n%s", diff)
	}
}
