package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Registry answers as a registry does, at /v2/.
func (h *Hub) Registry() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.note(req)
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		path, ok := strings.CutPrefix(req.URL.Path, "/v2/")
		switch {
		case !ok:
			http.NotFound(w, req)
		case path == "":
			w.WriteHeader(http.StatusOK)
		case path == "_catalog":
			h.catalog(w, req)
		default:
			h.ask(w, req, strings.Split(path, "/"))
		}
	})
}

// Asked are all requests so far, in their order.
func (h *Hub) Asked() []Asked {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

// Restless is how many requests came while somebody had been told to come back later. Those that are
// under way when that is told come all the same.
func (h *Hub) Restless() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.log {
		if slices.ContainsFunc(h.rests, func(r rest) bool { return a.At.After(r.from) && a.At.Before(r.to) }) {
			n++
		}
	}
	return n
}

// Rests is how often somebody was told to come back later.
func (h *Hub) Rests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rests)
}

func (h *Hub) note(req *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, Asked{time.Now(), req.Method + " " + req.URL.Path})
}

// times counts how often something was asked, this time included.
func (h *Hub) times(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[what]++
	return h.seen[what]
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"the hub says so"}]}`, code)
}

// pageSize is how many lines of a list are answered at once, at most.
const pageSize = 1000

// page cuts a sorted list, and says where it goes on.
func page(w http.ResponseWriter, req *http.Request, list []string) []string {
	q := req.URL.Query()
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil || n <= 0 || n > pageSize {
		n = pageSize
	}
	if last := q.Get("last"); last != "" {
		at, found := slices.BinarySearch(list, last)
		if found {
			at++
		}
		list = list[at:]
	}
	if len(list) > n {
		list = list[:n]
		next(w, req.URL.Path, n, list[n-1])
	}
	return list
}

func next(w http.ResponseWriter, path string, n int, last string) {
	q := url.Values{"n": {strconv.Itoa(n)}, "last": {last}}
	w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", path, q.Encode()))
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}

func (h *Hub) catalog(w http.ResponseWriter, req *http.Request) {
	names := make([]string, len(h.repos))
	for i := range h.repos {
		names[i] = h.repos[i].Name
	}
	answer(w, map[string]any{"repositories": page(w, req, names)})
}

// ask answers what is asked of one, if there is one.
func (h *Hub) ask(w http.ResponseWriter, req *http.Request, parts []string) {
	if len(parts) != 4 {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	name, what, ref := parts[0]+"/"+parts[1], parts[2], parts[3]
	i, ok := h.byName[name]
	if !ok {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	r := &h.repos[i]
	switch {
	case r.Kind == Refused && what != "tags":
		w.Header().Set("WWW-Authenticate", `Basic realm="hub"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
	case what == "tags" && ref == "list":
		h.tags(w, req, r)
	case what == "manifests":
		h.manifest(w, req, r, ref)
	case what == "blobs":
		h.blob(w, req, r, ref)
	default:
		refuse(w, http.StatusNotFound, "UNSUPPORTED")
	}
}

// crowded is how many tags a repository of [Many] has: all are one image.
const crowded = 200_000

func (h *Hub) tags(w http.ResponseWriter, req *http.Request, r *Repository) {
	switch r.Kind {
	case Empty:
		answer(w, map[string]any{"name": r.Name, "tags": nil})
	case Loop:
		// The same again and again, and each time there is more to come.
		next(w, req.URL.Path, pageSize, r.Tag)
		answer(w, map[string]any{"name": r.Name, "tags": r.Tags()})
	case Many:
		list := make([]string, crowded)
		for i := range list {
			list[i] = fmt.Sprintf("build-%06d", i)
		}
		list = append(list, r.Tag)
		slices.Sort(list)
		answer(w, map[string]any{"name": r.Name, "tags": page(w, req, list)})
	default:
		answer(w, map[string]any{"name": r.Name, "tags": page(w, req, r.Tags())})
	}
}

// Tags are those of a repository, sorted.
func (r *Repository) Tags() []string {
	if r.Tag == "" {
		return nil
	}
	list := append(slices.Clone(r.tags), r.Tag)
	slices.Sort(list)
	return list
}

// manifest answers for a tag or a digest.
func (h *Hub) manifest(w http.ResponseWriter, req *http.Request, r *Repository, ref string) {
	asked := h.times(r.Name + " manifests")
	byTag := !strings.HasPrefix(ref, "sha256:")
	switch {
	case r.Kind == Mute:
		h.silence(req)
	case r.Kind == Busy && asked == 1:
		const seconds = 1
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS")
		h.mu.Lock()
		h.rests = append(h.rests, rest{time.Now(), time.Now().Add(seconds * time.Second)})
		h.mu.Unlock()
		return
	case r.Kind == Shaky && asked == 1:
		refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE")
		return
	case r.Kind == Gone, byTag && r.Kind != Many && !slices.Contains(r.Tags(), ref), ref == "latest" && r.Tag != ref:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	case r.Kind == Nonsense:
		send(w, req, typeManifest, []byte(`{"schemaVersion": 2, "layers": "none"`))
		return
	}
	image := r.image
	if byTag {
		if h.moves(r) {
			image = r.then
		}
		ref = h.images[image].top()
	}
	o, ok := h.origins[ref]
	if !ok || o.what != isManifest && o.what != isIndex || o.image != r.image && o.image != r.then || h.drops(r, req.Method, byTag) {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	h.document(w, req, o)
}

// moves tells whether what is under the tag is another image by now: as soon as somebody has seen
// the first.
func (h *Hub) moves(r *Repository) bool {
	if r.Kind != Moved {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[r.Name+" by tag"]++
	return h.seen[r.Name+" by tag"] > 1
}

// drops tells whether the first image is gone: as soon as somebody who asked for the tag has got
// its manifest.
func (h *Hub) drops(r *Repository, method string, byTag bool) bool {
	if r.Kind != Dropped {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	got := r.Name + " got"
	if byTag {
		h.seen[got] = 0
	}
	if method == http.MethodGet {
		h.seen[got]++
	}
	return h.seen[got] > 1
}

// top is the digest of what is under a tag.
func (d *design) top() string {
	if d.index != "" {
		return d.index
	}
	return d.Digest
}

func (h *Hub) document(w http.ResponseWriter, req *http.Request, o origin) {
	d := &h.images[o.image]
	if o.what == isIndex {
		body, err := h.indexOf(d)
		h.made(w, req, typeIndex, body, err)
		return
	}
	m, err := h.make(d, o.arch)
	if err != nil {
		h.made(w, req, "", nil, err)
		return
	}
	h.made(w, req, typeManifest, m.manifest, nil)
}

func (h *Hub) made(w http.ResponseWriter, req *http.Request, mediaType string, body []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, req, mediaType, body)
}

// send answers with bytes, or some of them.
func send(w http.ResponseWriter, req *http.Request, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digestOf(body))
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(body))
}

// silence lasts until nobody waits any more.
func (h *Hub) silence(req *http.Request) {
	select {
	case <-req.Context().Done():
	case <-h.close:
	}
	panic(http.ErrAbortHandler)
}

// blob answers with a config or a layer.
func (h *Hub) blob(w http.ResponseWriter, req *http.Request, r *Repository, ref string) {
	o, ok := h.origins[ref]
	if !ok || o.what == isManifest || o.what == isIndex {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN")
		return
	}
	const mediaType = "application/octet-stream"
	if o.what == isPooled {
		send(w, req, mediaType, h.pool.layers[o.layer].body)
		return
	}
	arch := o.arch
	if arch == "" {
		arch = ours()
	}
	m, err := h.make(&h.images[o.image], arch)
	if err != nil {
		h.made(w, req, "", nil, err)
		return
	}
	if o.what == isConfig {
		send(w, req, mediaType, m.config)
		return
	}
	body := m.layers[len(m.layers)-1].body
	switch first := h.times(r.Name+" blob") == 1; {
	case r.Kind == Wrong:
		body = slices.Clone(body)
		body[len(body)/2] ^= 1
		w.Header().Set("Content-Type", mediaType)
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(body))
	case r.Kind == Cut && first:
		h.half(w, body)
		panic(http.ErrAbortHandler)
	case r.Kind == Endless:
		h.half(w, body)
		h.silence(req)
	default:
		send(w, req, mediaType, body)
	}
}

// half sends half of what it says that it sends.
func (h *Hub) half(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2]) // whoever asked may be gone
	_ = http.NewResponseController(w).Flush()
}
