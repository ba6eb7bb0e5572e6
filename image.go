package detonaut

import "time"

// Ref is what a user typed to name an image: "nginx:latest",
// "oci-dir:./out", "docker-archive:app.tar". It may resolve to another image
// tomorrow; a [Digest] never does.
type Ref string

// Digest names bytes by their hash, as "sha256:" and 64 hex digits. The digest
// of an image is that of exactly one platform's manifest, never of an index;
// everything that is stored is keyed by it.
type Digest string

// Image is what is known of an image before it is run. Every string in it but
// Ref comes from the subject and is hostile.
type Image struct {
	// Ref is what the user typed.
	Ref Ref `json:"ref"`
	// Digest is the digest of the image manifest, pinned before anything else
	// of the image was read.
	Digest Digest `json:"digest"`
	// Platform is "os/architecture[/variant]" as the image's config states it.
	Platform string `json:"platform"`
	// Created is the build time that the config claims; zero if it has none.
	Created time.Time `json:"created,omitzero"`
	// Config says how the image asks to be run.
	Config Config `json:"config"`
	// Layers are in the order of the config: the base first.
	Layers []Layer `json:"layers"`
	// History are the steps that the config claims it was built in, the first
	// first. Those that made no layer are among them.
	History []Instruction `json:"history,omitempty"`
	// Size is the number of bytes of all layers, compressed as transferred.
	Size int64 `json:"size"`
	// Files is the number of entries in the flattened root file system.
	Files int `json:"files"`
}

// Layer is one layer of an image.
type Layer struct {
	// Digest is that of the blob as transferred.
	Digest Digest `json:"digest"`
	// DiffID is the digest of the uncompressed tar.
	DiffID Digest `json:"diff_id"`
	// MediaType is the manifest's.
	MediaType string `json:"media_type"`
	// Size is the number of bytes of the blob as transferred.
	Size int64 `json:"size"`
	// CreatedBy is the build step that the config's history claims made it.
	CreatedBy string `json:"created_by,omitempty"`
}

// Instruction is one step in which an image was built, as its config claims.
type Instruction struct {
	// CreatedBy is its text.
	CreatedBy string `json:"created_by,omitempty"`
	Comment   string `json:"comment,omitempty"`
	// Empty is set when it made no layer.
	Empty bool `json:"empty,omitempty"`
}

// Config is the part of an image's config that says how to run it.
type Config struct {
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	Env          []string          `json:"env,omitempty"`
	User         string            `json:"user,omitempty"`
	WorkingDir   string            `json:"working_dir,omitempty"`
	ExposedPorts []string          `json:"exposed_ports,omitempty"`
	Volumes      []string          `json:"volumes,omitempty"`
	StopSignal   string            `json:"stop_signal,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	// Healthcheck is what tells whether it is well: "NONE", or "CMD" or "CMD-SHELL"
	// and the command; empty if the image does not say.
	Healthcheck []string `json:"healthcheck,omitempty"`
	// OnBuild are instructions for images that are built on it.
	OnBuild []string `json:"on_build,omitempty"`
}
