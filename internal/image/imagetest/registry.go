package imagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Registry is a registry on loopback, in this process, that counts what it is
// asked and fails as it is told. All of its methods may be called at any time,
// from several goroutines.
type Registry struct {
	server  *httptest.Server
	handler http.Handler // answers without faults
	blobs   *blobStore
	closed  chan struct{}

	mu       sync.Mutex
	requests []string
	faults   []*injected
	login    func(http.ResponseWriter, *http.Request) bool
}

// NewRegistry starts a registry that speaks plain HTTP. Close it after use.
func NewRegistry() *Registry { return start((*httptest.Server).Start) }

// NewTLSRegistry starts a registry with a certificate that nobody trusts.
func NewTLSRegistry() *Registry { return start((*httptest.Server).StartTLS) }

func start(how func(*httptest.Server)) *Registry {
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	blobs := &blobStore{data: map[v1.Hash][]byte{}}
	r := &Registry{
		handler: registry.New(registry.Logger(quiet), registry.WithBlobHandler(blobs)),
		blobs:   blobs,
		closed:  make(chan struct{}),
	}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.server.Config.ErrorLog = quiet
	how(r.server)
	return r
}

// Close stops the registry, in the middle of whatever it is answering.
func (r *Registry) Close() {
	close(r.closed)
	r.server.CloseClientConnections()
	r.server.Close()
}

// Host is "address:port", the first part of the name of every image in it.
func (r *Registry) Host() string { return r.server.Listener.Addr().String() }

// Push stores img as name, which is "repository:tag", and returns the reference
// with which it can be pulled.
func (r *Registry) Push(name string, img v1.Image) (ref string, err error) {
	if err := r.putImage(name, img); err != nil {
		return "", fmt.Errorf("push %s: %w", name, err)
	}
	return r.Host() + "/" + name, nil
}

// PushIndex stores an index and everything below it as [Registry.Push] does.
func (r *Registry) PushIndex(name string, index v1.ImageIndex) (ref string, err error) {
	if err := r.putIndex(name, index); err != nil {
		return "", fmt.Errorf("push %s: %w", name, err)
	}
	return r.Host() + "/" + name, nil
}

// PutManifest stores raw as name, whatever it is.
func (r *Registry) PutManifest(name string, t types.MediaType, raw []byte) (ref string, err error) {
	repo, tag, ok := strings.Cut(name, ":")
	if !ok {
		return "", fmt.Errorf("put manifest %s: want repository:tag", name)
	}
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPut, "/v2/"+repo+"/manifests/"+tag, bytes.NewReader(raw))
	req.Header.Set("Content-Type", string(t))
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusCreated {
		return "", fmt.Errorf("put manifest %s: %d %s", name, w.Code, w.Body)
	}
	return r.Host() + "/" + name, nil
}

// PutBlob stores data and returns its digest.
func (r *Registry) PutBlob(data []byte) (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(data))
	if err == nil {
		err = r.blobs.Put(context.Background(), "", h, io.NopCloser(bytes.NewReader(data)))
	}
	return h, err
}

func (r *Registry) putImage(name string, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			return err
		}
		if _, err := r.PutBlob(data); err != nil {
			return err
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	if _, err := r.PutBlob(config); err != nil {
		return err
	}
	return r.putRaw(name, img)
}

func (r *Registry) putIndex(name string, index v1.ImageIndex) error {
	children, err := partial.Manifests(index)
	if err != nil {
		return err
	}
	repo, _, _ := strings.Cut(name, ":")
	for i, c := range children {
		child := fmt.Sprintf("%s:%s-%d", repo, "part", i)
		switch c := c.(type) {
		case v1.Image:
			err = r.putImage(child, c)
		case v1.ImageIndex:
			err = r.putIndex(child, c)
		}
		if err != nil {
			return err
		}
	}
	return r.putRaw(name, index)
}

func (r *Registry) putRaw(name string, m interface {
	RawManifest() ([]byte, error)
	MediaType() (types.MediaType, error)
},
) error {
	raw, err := m.RawManifest()
	if err != nil {
		return err
	}
	t, err := m.MediaType()
	if err != nil {
		return err
	}
	_, err = r.PutManifest(name, t, raw)
	return err
}

// Count says how many requests were made that match the regular expression. A
// request reads "GET /v2/app/manifests/latest", and "GET /v2/app/blobs/sha256:...
// bytes=100-" when it has a Range.
func (r *Registry) Count(pattern string) int {
	re := regexp.MustCompile(pattern)
	n := 0
	for _, q := range r.Requests() {
		if re.MatchString(q) {
			n++
		}
	}
	return n
}

// Requests lists the requests so far, in order.
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...)
}

// RequireBasic lets nobody in without these credentials.
func (r *Registry) RequireBasic(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = func(w http.ResponseWriter, req *http.Request) bool {
		if u, p, _ := req.BasicAuth(); u == user && p == password {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
}

// RequireToken lets nobody in without a token, which /token gives to these
// credentials, or to everybody if user is empty.
func (r *Registry) RequireToken(user, password string) {
	const token = "token-of-the-test"
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			if u, p, _ := req.BasicAuth(); user != "" && (u != user || p != password) {
				w.WriteHeader(http.StatusUnauthorized)
			} else {
				fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, token)
			}
			return false
		}
		if req.Header.Get("Authorization") == "Bearer "+token {
			return true
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, r.server.URL+"/token"))
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
}

func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	line := req.Method + " " + req.URL.Path
	if rg := req.Header.Get("Range"); rg != "" {
		line += " " + rg
	}
	fault, login := r.note(line)
	next := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if login == nil || login(w, req) {
			r.answer(w, req)
		}
	})
	if fault == nil {
		next(w, req)
		return
	}
	fault(w, req, next, r.closed)
}

// note counts a request, and says what is to go wrong with it.
func (r *Registry) note(line string) (Fault, func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, line)
	for _, f := range r.faults {
		if f.left != 0 && f.match.MatchString(line) {
			f.left--
			return f.fault, r.login
		}
	}
	return nil, r.login
}

// answer serves blobs by itself, because the library's handler does not know
// ranges without an end.
func (r *Registry) answer(w http.ResponseWriter, req *http.Request) {
	dir, digest, _ := strings.Cut(req.URL.Path, "/blobs/")
	h, err := v1.NewHash(digest)
	if req.Method != http.MethodGet || err != nil {
		r.handler.ServeHTTP(w, req)
		return
	}
	data, ok := r.blobs.get(h)
	if !ok {
		http.Error(w, "no blob "+digest+" in "+dir, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", h.String())
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(data))
}

// blobStore keeps blobs in memory.
type blobStore struct {
	mu   sync.Mutex
	data map[v1.Hash][]byte
}

func (s *blobStore) get(h v1.Hash) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.data[h]
	return data, ok
}

// Get implements [registry.BlobHandler].
func (s *blobStore) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	data, ok := s.get(h)
	if !ok {
		return nil, registry.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Put implements [registry.BlobPutHandler].
func (s *blobStore) Put(_ context.Context, _ string, h v1.Hash, rc io.ReadCloser) error {
	data, err := io.ReadAll(rc)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[h] = data
	return rc.Close()
}
