package image

import (
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Content is what is under a manifest.
type Content string

// Contents.
const (
	ContentImage       Content = "image"
	ContentChart       Content = "helm chart"
	ContentSignature   Content = "signature"
	ContentAttestation Content = "attestation"
	ContentSBOM        Content = "sbom"
	ContentWasm        Content = "wasm"
	ContentOther       Content = "artifact"
)

// contents are the types of configs, artifacts and layers by which an artifact is known, each with
// what follows it. Most are in manifests whose config says that it is of an image.
var contents = []struct {
	prefix  string
	content Content
}{
	{"application/vnd.cncf.helm.", ContentChart},
	{"application/vnd.dev.cosign.simplesigning.", ContentSignature},
	{"application/vnd.dev.cosign.artifact.sig.", ContentSignature},
	{"application/vnd.dev.sigstore.bundle", ContentSignature},
	{"application/vnd.cncf.notary.signature", ContentSignature},
	{"application/vnd.in-toto", ContentAttestation},
	{"application/vnd.dsse.envelope.", ContentAttestation},
	{"application/vnd.dev.cosign.artifact.sbom.", ContentSBOM},
	{"application/spdx", ContentSBOM},
	{"text/spdx", ContentSBOM},
	{"application/vnd.cyclonedx", ContentSBOM},
	{"application/vnd.syft", ContentSBOM},
	{"application/sarif", ContentOther},
	{"application/vnd.wasm.", ContentWasm},
	{"application/wasm", ContentWasm},
	{"application/vnd.module.wasm.", ContentWasm},
}

func knownContent(t string) Content {
	for _, c := range contents {
		if strings.HasPrefix(strings.ToLower(t), c.prefix) {
			return c.content
		}
	}
	return ""
}

// contentOf says what is under a manifest of an artifact type, config and layers. Without a
// config it is an image if nothing else is known.
func contentOf(artifact string, config types.MediaType, layers []v1.Descriptor) Content {
	if t := types.MediaType(artifact); t == types.OCIConfigJSON || t == types.DockerConfigJSON {
		artifact = "" // as some say of images
	}
	if c := knownContent(artifact); c != "" {
		return c
	}
	if c := knownContent(string(config)); c != "" {
		return c
	}
	for _, l := range layers {
		if c := knownContent(string(l.MediaType)); c != "" {
			return c
		}
	}
	switch {
	case artifact != "":
		return ContentOther
	case config == types.OCIConfigJSON, config == types.DockerConfigJSON, config == "" && layers == nil:
		return ContentImage
	case slices.Contains(configTypes, config) && !slices.ContainsFunc(layers, isNoLayer):
		return ContentImage // of an old client
	}
	return ContentOther
}

func isNoLayer(l v1.Descriptor) bool { return !slices.Contains(layerTypes, l.MediaType) }
