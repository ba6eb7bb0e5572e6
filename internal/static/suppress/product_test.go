package suppress

import (
	"strings"
	"testing"

	"github.com/anchore/packageurl-go"

	"github.com/detonaut/detonaut"
)

func TestPackageURLs(t *testing.T) {
	for _, test := range []struct {
		said, have string
		want       bool
	}{
		{"pkg:npm/a", "pkg:npm/a@1", true},
		{"pkg:npm/a@1", "pkg:npm/a@1", true},
		{"pkg:npm/a@1", "pkg:npm/a@2", false},
		{"pkg:npm/a@1", "pkg:npm/a", false},
		{"pkg:npm/a", "pkg:npm/%40b/a@1", false},
		{"pkg:npm/a", "pkg:pypi/a@1", false},
		{"pkg:pypi/A_b", "pkg:pypi/a-b@1", true},
		{"pkg:deb/debian/a?arch=amd64", "pkg:deb/debian/a@1?arch=amd64&distro=debian-12", true},
		{"pkg:deb/debian/a?arch=arm64", "pkg:deb/debian/a@1?arch=amd64", false},
		{"pkg:deb/debian/a?distro=debian-12", "pkg:deb/debian/a@1", false},
		{"pkg:deb/debian/a@1%3A2", "pkg:deb/debian/a@1:2", true},
		{"pkg:golang/example.com/a@1.0.0", "pkg:golang/example.com/a@v1.0.0", true},
		{"pkg:golang/example.com/a#sub", "pkg:golang/example.com/a@v1.0.0", false},
	} {
		said, err := packageurl.FromString(test.said)
		if err != nil {
			t.Fatal(err)
		}
		have, err := packageurl.FromString(test.have)
		if err != nil {
			t.Fatal(err)
		}
		if got := covers(&said, &have); got != test.want {
			t.Errorf("%s covers %s: %v", test.said, test.have, got)
		}
	}
}

func TestImages(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	index := "sha256:" + strings.Repeat("b", 64)
	image := func(ref detonaut.Ref) imageName {
		return nameOf(detonaut.Image{Ref: ref, Digest: detonaut.Digest(sum), Platform: "linux/arm64/v8"})
	}
	for _, test := range []struct {
		said string
		ref  detonaut.Ref
		want bool
	}{
		{"pkg:oci/nginx@" + sum, "nginx", true},
		{"pkg:oci/nginx@" + sum, "oci-dir:./x", true},
		{"pkg:oci/nginx@" + index, "nginx", false},
		{"pkg:oci/nginx@" + index, detonaut.Ref("nginx@" + index), true},
		{"pkg:oci/nginx", "nginx:1.2", true},
		{"pkg:oci/nginx", "oci-dir:./nginx", false},
		{"pkg:oci/nginx", "other", false},
		{"pkg:oci/nginx?repository_url=docker.io/library/nginx&tag=1.2", "nginx:1.2", true},
		{"pkg:oci/nginx?repository_url=index.docker.io/library/nginx", "nginx:1.2", true},
		{"pkg:oci/nginx?repository_url=docker.io/nginx", "docker.io/nginx:1.2", true},
		{"pkg:oci/nginx?repository_url=ghcr.io/a/nginx", "nginx:1.2", false},
		{"pkg:oci/nginx?tag=1.3", "nginx:1.2", false},
		{"pkg:oci/nginx?tag=latest", "nginx", true},
		{"pkg:oci/nginx?arch=arm64", "nginx", true},
		{"pkg:oci/nginx?arch=amd64", "nginx", false},
		{"pkg:oci/nginx?mood=good", "nginx", false},
		{"pkg:docker/library/nginx@1.2", "nginx:1.2", true},
		{"pkg:docker/nginx@1.2", "nginx:1.2", true},
		{"pkg:docker/nginx@1.3", "nginx:1.2", false},
		{"pkg:docker/a/nginx", "nginx:1.2", false},
		{"nginx:1.2", "docker.io/library/nginx:1.2", true},
		{"nginx:1.2", "nginx:1.3", false},
		{"ghcr.io/a/b:1", "ghcr.io/a/b:1", true},
		{"ghcr.io/a/b@" + sum, "localhost:5000/else", true},
		{"localhost:5000/a:1", "localhost:5000/a:1", true},
		{sum, "anything", true},
		{strings.Repeat("a", 64), "-", true},
		{index, "anything", false},
	} {
		got, ok := parseTarget(test.said)
		if !ok || !got.isImage() {
			t.Errorf("%s is no image", test.said)
			continue
		}
		if got.fitsImage(image(test.ref)) != test.want {
			t.Errorf("%s fits %s: %v", test.said, test.ref, !test.want)
		}
	}
	for _, id := range []string{"", "https://example.com/a", "a product", "pkg:", "shop", "cpe:2.3:a:*:a:*:*:*:*:*:*:*:*", "cpe:2.3:a:b"} {
		if got, ok := parseTarget(id); ok {
			t.Errorf("%q stands for %+v", id, got)
		}
	}
}

func TestCPE(t *testing.T) {
	for _, test := range []struct {
		said, have string
		want       bool
	}{
		{"cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", true},
		{"cpe:2.3:a:a:b:*:*:*:*:*:*:*:*", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", true},
		{"cpe:2.3:a:a:b:2:*:*:*:*:*:*:*", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", false},
		{"cpe:2.3:a:a:b:1:beta:*:*:*:*:*:*", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", false},
		{"cpe:/a:A:B:1", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", true},
		{"cpe:/a:a:b", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", true},
		{"cpe:/o:a:b", "cpe:2.3:a:a:b:1:*:*:*:*:*:*:*", false},
		{"cpe:/a:a:b%2b%2b:1", `cpe:2.3:a:a:b\+\+:1:*:*:*:*:*:*:*`, true},
		{`cpe:2.3:a:a:b\:c:1:*:*:*:*:*:*:*`, `cpe:2.3:a:a:b\:c:1:*:*:*:*:*:*:*`, true},
		{`cpe:2.3:a:a:b:\*:*:*:*:*:*:*:*`, `cpe:2.3:a:a:b:1:*:*:*:*:*:*:*`, false},
	} {
		said, ok := parseCPE(test.said)
		have, ok2 := parseCPE(test.have)
		if !ok || !ok2 || said.covers(have) != test.want {
			t.Errorf("%s covers %s: %v", test.said, test.have, !test.want)
		}
	}
}

func TestStar(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "", true},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c", "ac", true},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxcyyb", false},
		{"ab*bc", "abc", false},
		{"**", "x", true},
	} {
		if got := star(test.pattern, test.text); got != test.want {
			t.Errorf("star(%q, %q) = %v", test.pattern, test.text, got)
		}
	}
}
