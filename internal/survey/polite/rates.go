package polite

import (
	"maps"

	"github.com/detonaut/detonaut/internal/store"
)

// dockerRegistry counts pulls, also before it has said so.
const dockerRegistry = "registry-1.docker.io"

// DefaultRate is of a host that is in no list.
var DefaultRate = store.HostRate{Second: 10, Burst: 20}

// Rates are of public registries, well below what they bear of one client: Docker Hub's API tells
// 180 requests a minute, and its registry counts manifests by the hour, which no rate
// per second can keep: what it says of them in its headers is obeyed.
func Rates() map[string]store.HostRate {
	return maps.Clone(map[string]store.HostRate{
		"hub.docker.com": {Second: 2, Burst: 10},
		dockerRegistry:   {Second: 5, Burst: 20},
		"auth.docker.io": {Second: 5, Burst: 20},
		"quay.io":        {Second: 3, Burst: 10},
		"ghcr.io":        {Second: 5, Burst: 20},
		"api.github.com": {Second: 1, Burst: 10},
	})
}
