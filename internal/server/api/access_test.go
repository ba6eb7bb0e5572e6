package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// The secret of a key is told once, and is good until the key is revoked.
func TestKeys(t *testing.T) {
	s := newServer(t)
	res := s.post("/api/v1/keys", map[string]any{"name": "CI", "scopes": []string{"submit", "read"}}).is(201)
	made := read[api.CreatedKey](res)
	if !guard.Wellformed(made.Secret) || made.Name != "CI" || made.Expires.Sub(made.Created).Hours() != 365*24 || res.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %+v with %v", made, res.header)
	}
	ci := s.as(made.Secret)
	ci.get("/api/v1/reports").is(200)
	list := s.get("/api/v1/keys").is(200)
	if all := read[api.Keys](list).Items; len(all) != 2 || all[1].ID != made.ID || strings.Contains(list.body, made.Secret) || strings.Contains(list.body, guard.Hash(made.Secret)) {
		t.Errorf("got %s", list.body)
	}
	s.do(http.MethodDelete, "/api/v1/keys/"+made.ID, "").is(204)
	ci.get("/api/v1/reports").is(401)
	if ended := read[api.CreatedKey](s.post("/api/v1/keys", api.NewKey{Name: "x", Scopes: []store.Scope{store.ScopeRead}}).is(201)); ended.Expires.IsZero() {
		t.Error("a key for which nobody said how long has no end")
	}
	if endless := read[api.CreatedKey](s.post("/api/v1/keys", map[string]any{"name": "x", "scopes": []string{"read"}, "days": 0}).is(201)); !endless.Expires.IsZero() {
		t.Errorf("got the end %v, want none", endless.Expires)
	}
}

func TestHooks(t *testing.T) {
	s := newServer(t)
	made := read[api.CreatedHook](s.post("/api/v1/hooks", api.NewHook{URL: "https://hooks.example.com/a?b=c", Verdicts: []detonaut.Word{detonaut.Malicious}}).is(201))
	if len(made.Secret) < 32 || made.Owner == "" || made.URL != "https://hooks.example.com/a?b=c" {
		t.Fatalf("got %+v", made)
	}
	own := read[api.CreatedHook](s.post("/api/v1/hooks", api.NewHook{URL: "https://hooks.example.com/", Secret: "chosen by its owner"}).is(201))
	list := s.get("/api/v1/hooks").is(200)
	if all := read[api.AllHooks](list).Items; len(all) != 2 || strings.Contains(list.body, made.Secret) || strings.Contains(list.body, own.Secret) {
		t.Errorf("got %s", list.body)
	}
	if h := read[store.Hook](s.get("/api/v1/hooks/" + made.ID).is(200)); h.URL != made.URL {
		t.Errorf("got %+v", h)
	}
	s.do(http.MethodDelete, "/api/v1/hooks/"+made.ID, "").is(204)
	s.get("/api/v1/hooks/" + made.ID).is(404)
}

// Who tries what it may not is in the log.
func TestRefusalsAreNoted(t *testing.T) {
	s := newServer(t)
	s.as(s.newKey(store.ScopeRead)).do(http.MethodDelete, "/api/v1/keys/key-x", "").is(403)
	got := read[api.List[store.Deed]](s.get("/api/v1/audit").is(200)).Items
	if len(got) != 1 || got[0].What != "revoke-key" || got[0].Refused == "" || got[0].Who == "" {
		t.Errorf("got %+v", got)
	}
}
