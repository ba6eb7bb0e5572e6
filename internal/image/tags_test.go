package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// list answers with a list of tags, and where the next page is.
func list(next string, tags ...string) imagetest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "application/json")
		if next != "" {
			w.Header().Set("Link", "<"+next+`>; rel="next"`)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "app", "tags": tags})
	}
}

func numbers(from, to int) (tags []string) {
	for i := from; i < to; i++ {
		tags = append(tags, fmt.Sprintf("t%07d", i))
	}
	return tags
}

func TestTags(t *testing.T) {
	more := "/v2/app/tags/list?n=1000&last=t0000001"
	for _, tc := range []struct {
		name   string
		most   int
		faults []imagetest.Fault // the last again and again
		want   []string
		cut    string
	}{
		{"one page", 10, []imagetest.Fault{list("", "b", "a")}, []string{"b", "a"}, ""},
		{"none", 10, []imagetest.Fault{list("")}, nil, ""},
		{"two pages", 10, []imagetest.Fault{list(more, "a", "b"), list("", "c")}, []string{"a", "b", "c"}, ""},
		{"no tags", 10, []imagetest.Fault{list("", "a", "b\x1b[31m", strings.Repeat("x", 200), "../..", "c")}, []string{"a", "c"}, ""},
		{"just as many", 2, []imagetest.Fault{list("", "a", "b")}, []string{"a", "b"}, ""},
		{"too many", 2, []imagetest.Fault{list("", "a", "b", "c")}, []string{"a", "b"}, "there are more than 2"},
		{"more than asked for", 1500, []imagetest.Fault{list("", numbers(0, 5000)...)}, numbers(0, 1500), "there are more than 1500"},
		{"twice", 10, []imagetest.Fault{list("", "a", "a", "b")}, []string{"a", "b"}, ""},
		{"a loop", 3000, []imagetest.Fault{list(more, "a", "b")}, []string{"a", "b"}, "does not end"},
		{"a loop of full pages", 3000, []imagetest.Fault{list(more, numbers(0, 1000)...)}, numbers(0, 1000), "repeats itself"},
		{"empty pages without end", 3000, []imagetest.Fault{list(more, "a"), list(more)}, []string{"a"}, "does not end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := testRegistry(t)
			for i, f := range tc.faults {
				times := 1
				if i == len(tc.faults)-1 {
					times = -1
				}
				reg.Inject("tags/list", times, f)
			}
			got, cut, err := Tags(t.Context(), reg.Host()+"/app", tc.most, options(t))
			if err != nil || !slices.Equal(got, tc.want) || (cut == "") != (tc.cut == "") || !strings.Contains(cut, tc.cut) {
				t.Errorf("%d tags, %q, %v; want %d, %q", len(got), cut, err, len(tc.want), tc.cut)
			}
			if n := reg.Count("tags/list"); n > tagBudget {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestTagsFail: what goes wrong is said in the same words as of a pull.
func TestTagsFail(t *testing.T) {
	million := list("", numbers(0, 1_000_000)...)
	for _, tc := range []struct {
		name  string
		fault imagetest.Fault
		want  error
	}{
		{"unknown", imagetest.Status(404), detonaut.ErrNotFound},
		{"refused", imagetest.Status(403), detonaut.ErrUnauthorized},
		{"no JSON", imagetest.Answer("application/json", []byte("{")), detonaut.ErrCorrupt},
		{"a million", million, detonaut.ErrLimit},
		{"never", imagetest.Silent(), nil},
		{"never ends", imagetest.Stall(1), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := testRegistry(t)
			push(t, reg, "app:v1", imagetest.Image(t, sample))
			reg.Inject("tags/list", -1, tc.fault)
			o := options(t)
			o.Silence = time.Minute
			if tc.want == nil {
				o.Silence = 20 * time.Millisecond
			}
			tags, _, err := Tags(t.Context(), reg.Host()+"/app", 10, o)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) || isLasting(err) != (tc.want != nil) {
				t.Errorf("%v, %v, want %v", tags, err, tc.want)
			}
		})
	}
	if _, _, err := Tags(t.Context(), "oci-dir:/tmp", 10, Options{}); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a directory: %v", err)
	}
}

func TestNextLast(t *testing.T) {
	for _, tc := range []struct {
		link string
		want string
		ok   bool
	}{
		{`</v2/_catalog?last=b%2Fc&n=2>; rel="next"`, "b/c", true},
		{`</v2/_catalog?n=2&last=x>; rel=next`, "x", true},
		{`<https://elsewhere.example/?last=x>; rel="next"`, "x", true},
		{`</v2/_catalog?last=x>; rel="prev", </v2/_catalog?last=y>; rel="next"`, "y", true},
		{`</v2/_catalog?next_page=z>; rel="next"`, "", true},
		{`</v2/_catalog?last=` + strings.Repeat("x", maxLast+1) + `>; rel="next"`, "", true},
		{`</v2/_catalog?last=x>; rel="prev"`, "", false},
		{`<%zz>; rel="next"`, "", false},
		{"", "", false},
	} {
		if got, ok := nextLast([]string{tc.link}); got != tc.want || ok != tc.ok {
			t.Errorf("nextLast(%.60s) = %q, %v", tc.link, got, ok)
		}
	}
}

func FuzzNextLast(f *testing.F) {
	f.Add(`</v2/_catalog?last=b%2Fc&n=2>; rel="next"`)
	f.Add(`<a>;rel=next,<?last=%>;rel="next"`)
	f.Fuzz(func(t *testing.T, link string) {
		if last, ok := nextLast([]string{link}); len(last) > maxLast || last != "" && !ok {
			t.Errorf("%q, %v", last, ok)
		}
	})
}
