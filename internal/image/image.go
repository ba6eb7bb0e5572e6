// Package image gets an image: it resolves a reference to a digest, fetches
// and verifies every blob, and flattens the layers into one immutable EROFS
// image with an index of its files.
//
// Everything it reads is hostile: registries, manifests, layers. It runs
// nothing and judges nothing.
package image
