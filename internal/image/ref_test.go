package image

import (
	"errors"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParseRef(t *testing.T) {
	for _, tc := range []struct{ typed, want string }{
		{"nginx", "registry:docker.io/library/nginx:latest"},
		{"nginx:1.27", "registry:docker.io/library/nginx:1.27"},
		{"bitnami/redis", "registry:docker.io/bitnami/redis:latest"},
		{"index.docker.io/library/nginx", "registry:docker.io/library/nginx:latest"},
		{"quay.io/a/b/c:v1", "registry:quay.io/a/b/c:v1"},
		{"localhost/app", "registry:localhost/app:latest"},
		{"localhost:5000/app:x", "registry:localhost:5000/app:x"},
		{"[::1]:5000/app:x", "registry:[::1]:5000/app:x"},
		{"nginx@" + someDigest, "registry:docker.io/library/nginx@" + someDigest},
		{"nginx:1@" + someDigest, "registry:docker.io/library/nginx:1@" + someDigest},
		{"registry:nginx", "registry:docker.io/library/nginx:latest"},
		{"registry:5000/app", "registry:registry:5000/app:latest"},
		{"registry:registry:5000/app", "registry:registry:5000/app:latest"},
		{"docker:5000/app", "registry:docker:5000/app:latest"},
		{"docker:nginx", "docker:docker.io/library/nginx:latest"},
		{"docker:0123456789ab", "docker:0123456789ab"},
		{"oci-dir:out", "oci-dir:out"},
		{"oci-dir:./out/dir:v1", "oci-dir:./out/dir:v1"},
		{"oci-dir:/a:b/c", "oci-dir:/a:b/c"},
		{"oci-archive:a.tar", "oci-archive:a.tar"},
		{"docker-archive:a:b.tar", "docker-archive:a:b.tar"},
		{"-", "-"},
	} {
		got, err := parseRef(detonaut.Ref(tc.typed))
		if err != nil {
			t.Errorf("%q: %v", tc.typed, err)
		} else if got.String() != tc.want {
			t.Errorf("%q = %q, want %q", tc.typed, got, tc.want)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	for _, typed := range []string{
		"", "Nginx", "./dir", "/abs", "a b", "nginx:", "nginx@sha256:12", "http://host/x", "ocidir://x", "ocifile://x",
		"nginx@sha512:" + strings.Repeat("a", 128), "nginx@" + strings.ToUpper(someDigest),
		"oci-dir:", "oci-dir::tag", "oci-archive:", "docker-archive:", "docker:", "docker:a b", "registry:",
		"oci-dir:a\x00b", "nginx\n", strings.Repeat("a", 5000),
	} {
		if got, err := parseRef(detonaut.Ref(typed)); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%q = %q, %v; want ErrUsage", typed, got, err)
		}
	}
}

// FuzzParseRef: whatever is typed, a reference that is accepted says itself.
func FuzzParseRef(f *testing.F) {
	for _, s := range []string{
		"nginx", "quay.io/a/b:v1@" + someDigest, "registry:5000/x", "docker:x", "docker:registry:5000/x",
		"oci-dir:a:b", "oci-dir:a::b", "docker-archive:x", "-", "localhost:latest", "registry:-", "docker:docker.io/x/y:z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRef(detonaut.Ref(s))
		if err != nil {
			if !errors.Is(err, detonaut.ErrUsage) {
				t.Fatalf("%q: %v is no ErrUsage", s, err)
			}
			return
		}
		again, err := parseRef(detonaut.Ref(r.String()))
		if err != nil {
			t.Fatalf("%q = %q, which is refused: %v", s, r, err)
		}
		if again != r {
			t.Fatalf("%q = %#v, but %q = %#v", s, r, r.String(), again)
		}
	})
}
