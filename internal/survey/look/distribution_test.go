package look_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

func options(t *testing.T) image.Options {
	t.Helper()
	return image.Options{CacheDir: t.TempDir(), Platform: "linux/amd64"}
}

// TestDistribution: all that is asked without pulling, of a real registry, in pages.
func TestDistribution(t *testing.T) {
	host := testenv.Distribution(t)
	img := imagetest.Image(t, "-- /file --\nhello\n")
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 105 {
		if err := imagetest.Upload(host+"/many/r"+strconv.Itoa(i)+":1", img); err != nil {
			t.Fatal(err)
		}
		if err := imagetest.Upload(host+"/tags:t"+strconv.Itoa(i), img); err != nil {
			t.Fatal(err)
		}
	}
	tags, cut, err := image.Tags(t.Context(), host+"/tags", 1000, options(t))
	if err != nil || cut != "" || len(tags) != 105 {
		t.Errorf("%d tags, %q, %v", len(tags), cut, err)
	}
	tags, cut, err = image.Tags(t.Context(), host+"/tags", 104, options(t))
	if err != nil || cut == "" || len(tags) != 104 {
		t.Errorf("%d tags, %q, %v", len(tags), cut, err)
	}
	var all []string
	pages := 0
	for last := ""; ; pages++ {
		names, next, err := image.Repositories(t.Context(), host, last, 40, options(t))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
		if last = next; next == "" {
			break
		}
	}
	if len(all) != 106 || !slices.IsSorted(all) || pages != 2 {
		t.Errorf("%d repositories, %d links: %v", len(all), pages, all)
	}
	seen, err := image.Look(t.Context(), detonaut.Ref(host+"/tags:t7"), nil, options(t))
	if err != nil || len(seen) != 1 || string(seen[0].Digest) != digest.String() || seen[0].Err != nil || !seen[0].Read {
		t.Errorf("%+v, %v", seen, err)
	}
	got, err := image.Pull(t.Context(), detonaut.Ref(host+"/tags@"+string(seen[0].Digest)), options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	if _, err := image.Look(t.Context(), detonaut.Ref(host+"/tags:none"), nil, options(t)); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	if _, _, err := image.Tags(t.Context(), host+"/none", 10, options(t)); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	if _, _, err := image.Repositories(t.Context(), "docker", "", 10, options(t)); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("err = %v", err)
	}
}
