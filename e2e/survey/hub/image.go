package hub

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Media types.
const (
	typeManifest  = "application/vnd.oci.image.manifest.v1+json"
	typeIndex     = "application/vnd.oci.image.index.v1+json"
	typeConfig    = "application/vnd.oci.image.config.v1+json"
	typeLayer     = "application/vnd.oci.image.layer.v1.tar+gzip"
	typeChart     = "application/vnd.cncf.helm.config.v1+json"
	typeChartData = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	typeSignature = "application/vnd.dev.cosign.simplesigning.v1+json"
)

type descriptor struct {
	MediaType string    `json:"mediaType"`
	Digest    string    `json:"digest"`
	Size      int       `json:"size"`
	Platform  *platform `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	Schema    int          `json:"schemaVersion"`
	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config,omitempty"`
	Layers    []descriptor `json:"layers,omitempty"`
	Manifests []descriptor `json:"manifests,omitempty"`
}

// made is an image as it is served.
type made struct {
	manifest, config []byte
	layers           []layer // in order; those of the pool have a body, too
}

// foreign is the platform of what cannot be analysed.
const foreign = "s390x"

// make makes an image for a platform.
func (h *Hub) make(d *design, arch string) (*made, error) {
	own, err := h.ownLayer(d)
	if err != nil {
		return nil, err
	}
	m := &made{}
	numbers := d.layers
	switch d.kind {
	case Bomb:
		numbers = append(slices.Clone(numbers), h.pool.bomb)
	case Crowd:
		numbers = append(slices.Clone(numbers), h.pool.crowd)
	case Tricks:
		numbers = append(slices.Clone(numbers), h.pool.tricks)
	}
	for _, n := range numbers {
		m.layers = append(m.layers, h.pool.layers[n])
	}
	m.layers = append(m.layers, own)
	if m.config, err = h.config(d, arch, m.layers); err != nil {
		return nil, err
	}
	of := manifest{Schema: 2, MediaType: typeManifest, Config: &descriptor{MediaType: typeConfig, Digest: digestOf(m.config), Size: len(m.config)}}
	for _, l := range m.layers {
		of.Layers = append(of.Layers, descriptor{MediaType: typeLayer, Digest: l.digest, Size: len(l.body)})
	}
	switch d.kind {
	case Chart:
		of.Config.MediaType, of.Layers = typeChart, []descriptor{{MediaType: typeChartData, Digest: own.digest, Size: len(own.body)}}
	case Signature:
		of.Layers = []descriptor{{MediaType: typeSignature, Digest: own.digest, Size: len(own.body)}}
	}
	m.manifest, err = json.Marshal(of)
	return m, err
}

// config is how an image asks to be run. Which tape is played of one that only has the looks
// is in its environment: see [Variable].
func (h *Hub) config(d *design, arch string, layers []layer) ([]byte, error) {
	type history struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}
	var c struct {
		Architecture string    `json:"architecture"`
		OS           string    `json:"os"`
		Created      time.Time `json:"created"`
		Config       struct {
			Env        []string          `json:",omitempty"`
			Entrypoint []string          `json:",omitempty"`
			Labels     map[string]string `json:",omitempty"`
		} `json:"config"`
		RootFS struct {
			Type  string   `json:"type"`
			Diffs []string `json:"diff_ids"`
		} `json:"rootfs"`
		History []history `json:"history"`
	}
	c.Architecture, c.OS, c.Created = arch, "linux", today.AddDate(0, 0, -int(d.seed%1000))
	c.Config.Entrypoint = d.Role.Run
	c.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", Variable + "=" + d.Role.Name}
	if d.Real {
		file, err := h.options.Real[d.Role.Name].Image.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read config of %s: %w", d.Role.Name, err)
		}
		c.Config.Env, c.Config.Entrypoint = file.Config.Env, file.Config.Entrypoint
	}
	c.RootFS.Type = "layers"
	for i, l := range layers {
		c.RootFS.Diffs = append(c.RootFS.Diffs, l.diff)
		c.History = append(c.History, history{c.Created, fmt.Sprintf("COPY part-%d / # buildkit", i)})
	}
	return json.Marshal(c)
}

// Variable is the one of the environment that names the tape of an image.
const Variable = "HUB_TAPE"

// indexOf is the index of an image that has one.
func (h *Hub) indexOf(d *design) ([]byte, error) {
	of := manifest{Schema: 2, MediaType: typeIndex}
	for _, arch := range h.archs(d) {
		m, err := h.make(d, arch)
		if err != nil {
			return nil, err
		}
		of.Manifests = append(of.Manifests, descriptor{
			MediaType: typeManifest, Digest: digestOf(m.manifest), Size: len(m.manifest), Platform: &platform{arch, "linux"},
		})
	}
	return json.Marshal(of)
}

// ours is the architecture of what is analysed.
func ours() string { return strings.TrimPrefix(Platform, "linux/") }

// archs are those of an image.
func (h *Hub) archs(d *design) []string {
	switch {
	case d.kind == Several:
		return []string{foreign, ours(), "riscv64"}
	case d.kind == Foreign && d.number%2 == 0:
		return []string{foreign, "riscv64"}
	case d.kind == Foreign:
		return []string{foreign}
	default:
		return []string{ours()}
	}
}

// plant works out what is in every image, and by which digests it can be asked for.
func (h *Hub) plant() error {
	if err := h.cast(); err != nil {
		return err
	}
	for i := range h.images {
		d := &h.images[i]
		for _, arch := range h.archs(d) {
			m, err := h.make(d, arch)
			if err != nil {
				return err
			}
			digest := digestOf(m.manifest)
			if arch == ours() || d.Digest == "" {
				d.Digest = digest
			}
			h.origins[digest] = origin{what: isManifest, image: i, arch: arch}
			h.origins[digestOf(m.config)] = origin{what: isConfig, image: i, arch: arch}
			h.origins[m.layers[len(m.layers)-1].digest] = origin{what: isOwn, image: i}
		}
		if d.kind == Several || d.kind == Foreign && d.number%2 == 0 {
			index, err := h.indexOf(d)
			if err != nil {
				return err
			}
			d.index = digestOf(index)
			h.origins[d.index] = origin{what: isIndex, image: i}
		}
	}
	return nil
}

// cast has the first plain images of the roles of which there are real ones be these.
func (h *Hub) cast() error {
	left := map[string]int{}
	numbers := map[string][]int{}
	for name, r := range h.options.Real {
		left[name] = r.Count
		layers, err := r.Image.Layers()
		if err != nil {
			return fmt.Errorf("read layers of %s: %w", name, err)
		}
		for _, l := range layers {
			digest, err := l.Digest()
			if err != nil {
				return err
			}
			diff, err := l.DiffID()
			if err != nil {
				return err
			}
			body, err := l.Compressed()
			if err != nil {
				return err
			}
			b, err := io.ReadAll(body)
			if err != nil {
				return err
			}
			numbers[name] = append(numbers[name], len(h.pool.layers))
			h.origins[digest.String()] = origin{what: isPooled, layer: len(h.pool.layers)}
			h.pool.layers = append(h.pool.layers, layer{digest: digest.String(), diff: diff.String(), body: b})
		}
	}
	for i := range h.images {
		d := &h.images[i]
		if d.kind == Plain && left[d.Role.Name] > 0 {
			left[d.Role.Name]--
			d.Real = true
			d.layers = append(d.layers[:len(d.layers)-1:len(d.layers)-1], numbers[d.Role.Name]...)
		}
	}
	return nil
}
