package testenv_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

func TestDistribution(t *testing.T) {
	host := testenv.Distribution(t)
	img := imagetest.Image(t, "-- /file --\nhello\n")
	for _, name := range []string{"a:1", "team/b:1", "team/b:2"} {
		if err := imagetest.Upload(host+"/"+name, img); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		path string
		want []string
	}{
		{"_catalog", []string{"a", "team/b"}},
		{"team/b/tags/list", []string{"1", "2"}},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/"+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Repositories, Tags []string }
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if list := slices.Concat(got.Repositories, got.Tags); !slices.Equal(list, tc.want) {
			t.Errorf("%s: %v, want %v", tc.path, list, tc.want)
		}
	}
}
