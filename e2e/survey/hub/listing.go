package hub

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Listing answers as the API of Docker Hub does, and its search: what repositories there are, who
// publishes them, how often they are pulled.
func (h *Hub) Listing() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/namespaces/{namespace}/repositories", h.namespace)
	mux.HandleFunc("GET /v2/namespaces/{namespace}/repositories/{name}/tags", h.pushed)
	mux.HandleFunc("GET /v2/orgs/{namespace}/{$}", h.organization)
	mux.HandleFunc("GET /v2/search/repositories/{$}", h.search)
	mux.HandleFunc("GET /api/search/v3/catalog/search", h.products)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.note(req)
		mux.ServeHTTP(w, req)
	})
}

// listed is a page of a list, as Docker Hub has them.
type listed struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []any   `json:"results"`
}

// numbered answers with the page that is asked for.
func numbered(w http.ResponseWriter, req *http.Request, all []any) {
	q := req.URL.Query()
	n, size := max(atoi(q.Get("page")), 1), min(max(atoi(q.Get("page_size")), 1), 100)
	if n > 1 && (n-1)*size >= len(all) {
		http.Error(w, `{"message": "page not found"}`, http.StatusNotFound)
		return
	}
	p := listed{Count: len(all), Results: all[(n-1)*size : min(n*size, len(all))]}
	if n*size < len(all) {
		q.Set("page", strconv.Itoa(n+1))
		more := "https://" + req.Host + req.URL.Path + "?" + q.Encode()
		p.Next = &more
	}
	answer(w, p)
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // which is 0 then
	return n
}

// of are the repositories that some are, as somebody wants to see them.
func (h *Hub) of(are func(*Repository) bool, see func(*Repository) any) (list []any) {
	for i := range h.repos {
		if r := &h.repos[i]; are(r) {
			list = append(list, see(r))
		}
	}
	return list
}

func (h *Hub) namespace(w http.ResponseWriter, req *http.Request) {
	in := req.PathValue("namespace") + "/"
	numbered(w, req, h.of(func(r *Repository) bool { return strings.HasPrefix(r.Name, in) }, func(r *Repository) any {
		namespace, name, _ := strings.Cut(r.Name, "/")
		return map[string]any{
			"name": name, "namespace": namespace, "description": r.Description, "is_private": false,
			"star_count": r.Stars, "pull_count": r.Pulls, "last_updated": r.Updated,
		}
	}))
}

func (h *Hub) organization(w http.ResponseWriter, req *http.Request) {
	if name := req.PathValue("namespace"); slices.Contains(publishers, name) {
		answer(w, map[string]any{"orgname": name, "badge": "verified_publisher"})
		return
	}
	http.Error(w, `{"message": "not found"}`, http.StatusNotFound)
}

// search finds names that begin so.
func (h *Hub) search(w http.ResponseWriter, req *http.Request) {
	words := req.URL.Query().Get("query")
	numbered(w, req, h.of(func(r *Repository) bool {
		namespace, name, _ := strings.Cut(r.Name, "/")
		return strings.HasPrefix(namespace, words) || strings.HasPrefix(name, words)
	}, func(r *Repository) any {
		name := strings.TrimPrefix(r.Name, "library/")
		return map[string]any{
			"repo_name": name, "short_description": r.Description, "star_count": r.Stars, "pull_count": r.Pulls,
			"is_official": r.Class == Official,
		}
	}))
}

// products are the images of verified publishers.
func (h *Hub) products(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	all := h.of(func(r *Repository) bool { return r.Class == Verified }, func(r *Repository) any {
		namespace, name, _ := strings.Cut(r.Name, "/")
		return map[string]any{
			"id": r.Name, "short_description": r.Description, "badge": "verified_publisher", "star_count": r.Stars, "updated_at": r.Updated,
			"rate_plans": []any{map[string]any{"repositories": []any{map[string]any{"namespace": namespace, "name": name, "pull_count": r.Pulls}}}},
		}
	})
	from := min(atoi(q.Get("from")), len(all))
	answer(w, map[string]any{"total": len(all), "results": all[from:min(from+atoi(q.Get("size")), len(all))]})
}

// pushed are the tags of a repository, the newest first.
func (h *Hub) pushed(w http.ResponseWriter, req *http.Request) {
	i, ok := h.byName[req.PathValue("namespace")+"/"+req.PathValue("name")]
	if !ok {
		http.Error(w, `{"message": "not found"}`, http.StatusNotFound)
		return
	}
	r := &h.repos[i]
	var list []any
	if r.Tag != "" {
		for n, tag := range append([]string{r.Tag}, r.tags...) {
			when := r.Updated.AddDate(0, 0, -n)
			list = append(list, map[string]any{"name": tag, "tag_last_pushed": when, "last_updated": when})
		}
	}
	numbered(w, req, list)
}
