package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/scheme/reg"
	"github.com/regclient/regclient/types/descriptor"
	"github.com/regclient/regclient/types/errs"
	"github.com/regclient/regclient/types/manifest"
	"github.com/regclient/regclient/types/ref"

	"github.com/detonaut/detonaut"
)

// registry is an image in a registry, spoken to through regclient: that waits
// as long as Retry-After says, backs off, and resumes a cut blob by Range.
type registry struct {
	client *regclient.RegClient
	ref    ref.Ref
	wire   *transport
	// noLogin is why the user's credentials could not be read.
	noLogin error
}

const (
	// attempts bounds how often in a row requests may fail, over all of a pull.
	attempts = 7
	// maxResumes bounds how often a request is sent, be there progress between
	// or not. It must stay below 36: regclient doubles its wait with each.
	maxResumes = 30
	// backOff is half the wait before a second attempt, after which it doubles:
	// a server that is down is given up after some 12 seconds.
	backOff = 100 * time.Millisecond
	// maxStreams is how many requests a host may get at a time: no bound, since
	// regclient counts each resumption of a blob as one more, and waits for ever
	// when there are too many.
	maxStreams = math.MaxInt32
)

func newRegistry(ctx context.Context, giveUp context.CancelCauseFunc, r ref.Ref, o Options) *registry {
	wire := newTransport(ctx, giveUp, o)
	host, noLogin := registryHost(r.Registry, o)
	client := regclient.New(
		regclient.WithConfigHost(host),
		regclient.WithUserAgent("detonaut"),
		regclient.WithRegOpts(
			reg.WithHTTPClient(wire.client()),
			reg.WithRetryLimit(maxResumes),
			reg.WithDelay(o.backOff, o.backOff<<attempts),
			reg.WithManifestMax(maxManifest, maxManifest),
		),
	)
	return &registry{client: client, ref: r, wire: wire, noLogin: noLogin}
}

// registryHost says how to speak to a registry: with the credentials that
// "docker login" left, or those of a credential helper. When those cannot be
// read it still may be one that wants none.
func registryHost(name string, o Options) (host config.Host, noLogin error) {
	host = *config.HostNewName(name)
	if o.Guest == nil || slices.Contains(o.Guest.Logins, name) {
		var known []config.Host
		known, noLogin = config.DockerLoad()
		for _, h := range known {
			if h.Name == host.Name {
				host = h
			}
		}
	}
	host.ReqConcurrent = maxStreams
	host.TLS = config.TLSEnabled
	insecure := slices.Contains(o.Insecure, name)
	if slices.Contains(o.PlainHTTP, name) || isLoopback(name) && !insecure {
		host.TLS = config.TLSDisabled
	}
	return host, noLogin
}

func (s *registry) head(ctx context.Context) (v1.Descriptor, error) {
	if s.ref.Digest != "" {
		h, err := v1.NewHash(s.ref.Digest)
		return v1.Descriptor{Digest: h}, err
	}
	m, err := s.client.ManifestHead(ctx, s.ref)
	if err == nil && m.GetDescriptor().Digest == "" {
		// Not every registry says the digest before it is asked for the bytes.
		m, err = s.client.ManifestGet(ctx, s.ref)
	}
	if err != nil {
		return v1.Descriptor{}, s.failure(ctx, "resolve "+s.ref.CommonName(), err)
	}
	d := m.GetDescriptor()
	h, err := v1.NewHash(string(d.Digest))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("digest of %s: %s: %w", s.ref.CommonName(), clean(err), detonaut.ErrUnsupported)
	}
	return v1.Descriptor{Digest: h, MediaType: types.MediaType(d.MediaType)}, nil
}

func (s *registry) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	var m manifest.Manifest
	var err error
	for range attempts {
		m, err = s.client.ManifestGet(ctx, s.ref.SetDigest(d.Digest.String()))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			break // only a cut manifest is asked for again: Range is for blobs
		}
	}
	if err != nil {
		return nil, s.failure(ctx, "manifest "+d.Digest.String(), err)
	}
	raw, err := m.RawBody()
	if err != nil {
		return nil, s.failure(ctx, "manifest "+d.Digest.String(), err)
	}
	return raw, nil
}

func (s *registry) blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	// Without a size, so that one that is wrong is found where it is read, and
	// without the URLs that the image may give: only the registry is asked.
	r, err := s.client.BlobGet(ctx, s.ref, descriptor.Descriptor{Digest: digest.Digest(d.Digest.String())})
	if err != nil {
		return nil, s.failure(ctx, "blob "+d.Digest.String(), err)
	}
	return &registryBlob{ctx: ctx, s: s, d: d, r: r}, nil
}

func (s *registry) Close() error {
	s.wire.close()
	return nil
}

// registryBlob says its errors in our words.
type registryBlob struct {
	ctx context.Context
	s   *registry
	d   v1.Descriptor
	r   io.ReadCloser
}

func (b *registryBlob) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrong digest wraps io.EOF, and is no proper end
		err = b.s.failure(b.ctx, "blob "+b.d.Digest.String(), err)
	}
	return n, err
}

func (b *registryBlob) Close() error { return b.r.Close() }

// failure is an error of regclient in our words. Its text may be a server's.
func (s *registry) failure(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	host := s.ref.Registry
	refuses := "registry " + host + " refuses access: it wants other credentials, or there is no such image"
	if s.noLogin != nil {
		refuses += " (docker's config cannot be read: " + clean(s.noLogin) + ")"
	}
	for _, f := range []struct {
		is   []error
		says string
		err  error
	}{
		{
			[]error{errs.ErrHTTPUnauthorized, errs.ErrEmptyChallenge, errs.ErrNoNewChallenge, errs.ErrInvalidChallenge, errs.ErrNoLogin},
			refuses, detonaut.ErrUnauthorized,
		},
		{[]error{errs.ErrNotFound}, "registry " + host + " does not have it", detonaut.ErrNotFound},
		{[]error{errs.ErrUnsupportedMediaType}, clean(err), detonaut.ErrUnsupported},
		{[]error{errs.ErrDigestMismatch, errs.ErrShortRead}, "registry " + host + ": " + clean(err), detonaut.ErrCorrupt},
		{[]error{errs.ErrSizeLimitExceeded}, "registry " + host + ": " + clean(err), detonaut.ErrLimit},
	} {
		if slices.ContainsFunc(f.is, func(e error) bool { return errors.Is(err, e) }) {
			return fmt.Errorf("%s: %s: %w", what, f.says, f.err)
		}
	}
	if isMalformed(err) {
		return fmt.Errorf("%s: registry %s: %s: %w", what, host, clean(err), detonaut.ErrCorrupt)
	}
	return &transferError{text: fmt.Sprintf("%s: registry %s: %s", what, host, clean(err)), err: err}
}

// isMalformed reports whether regclient could not make sense of a manifest.
func isMalformed(err error) bool {
	var syntax *json.SyntaxError
	var value *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &value) ||
		strings.Contains(err.Error(), "manifest contains an unexpected media type") // which has no error value
}

// transferError is an error of the network or of a server, with a text that is
// fit to be shown.
type transferError struct {
	text string
	err  error
}

func (e *transferError) Error() string { return e.text }
func (e *transferError) Unwrap() error { return e.err }
