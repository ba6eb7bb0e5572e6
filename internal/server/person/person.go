// Package person lets people in: by a key, by a link that was printed where the server was
// started, or by the OpenID Connect provider of their organisation. What they get is a
// session of [guard].
package person

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// Paths of what lets people in. SignIn takes the parameter "to", a path of ours.
const (
	SignInPath   = "/sign-in"
	SignOutPath  = "/sign-out"
	EnterPath    = "/enter"
	StartPath    = "/sign-in/provider"
	CallbackPath = "/sign-in/callback"
)

// Open are the paths for which nobody has to be known.
func Open() []string { return []string{SignInPath, EnterPath, StartPath, CallbackPath} }

// Options say how people are let in.
type Options struct {
	Sessions *guard.Sessions
	Keys     store.Access
	// Note is [guard.Guard.Note].
	Note func(ctx context.Context, what, about, refused string) error
	// Provider is nil where there is none.
	Provider *Provider
	Log      *slog.Logger
}

// Door lets people in.
type Door struct {
	o   Options
	mux *http.ServeMux

	mu   sync.Mutex
	link [sha256.Size]byte // of the secret of a link that was not used yet
	live bool
}

// New makes a door.
func New(o Options) (*Door, error) {
	if o.Sessions == nil || o.Keys == nil || o.Note == nil {
		return nil, errors.New("let people in: sessions, keys and a log are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Door{o: o, mux: http.NewServeMux()}
	d.mux.HandleFunc("GET "+SignInPath, d.showSignIn)
	d.mux.HandleFunc("POST "+SignInPath, d.signIn)
	d.mux.HandleFunc("POST "+SignOutPath, d.signOut)
	d.mux.HandleFunc("GET "+EnterPath, d.enter)
	if o.Provider != nil {
		d.mux.HandleFunc("GET "+StartPath, d.start)
		d.mux.HandleFunc("GET "+CallbackPath, d.callback)
	}
	return d, nil
}

// ServeHTTP answers under the paths of this package.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// Link makes the path of a link that lets one person in, once, who may then do everything.
// One that was made before is void.
func (d *Door) Link() string {
	secret := rand.Text()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.link, d.live = sha256.Sum256([]byte(secret)), true
	return EnterPath + "?key=" + secret
}

// enter is where the link leads.
func (d *Door) enter(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.URL.Query().Get("key")))
	d.mu.Lock()
	ok := d.live && subtle.ConstantTimeCompare(sum[:], d.link[:]) == 1
	if ok {
		d.live = false
	}
	d.mu.Unlock()
	if !ok {
		d.show(w, http.StatusForbidden, page{Heading: "This link was used already", Text: "A link lets one person in, once. Start the server again to get another, or sign in with a key."})
		return
	}
	d.begin(w, r, guard.Session{Who: "owner", Scopes: []store.Scope{store.ScopeDownload, store.ScopeAdmin}}, "link", "/")
}

// signIn gives a session for a key.
func (d *Door) signIn(w http.ResponseWriter, r *http.Request) {
	secret := strings.TrimSpace(r.PostFormValue("key"))
	to := local(r.PostFormValue("to"))
	if !guard.Wellformed(secret) {
		d.show(w, http.StatusForbidden, d.form(to, "This is no key: it begins with dtn_, and was cut or mistyped."))
		return
	}
	hash := guard.Hash(secret)
	k, err := d.o.Keys.KeyOf(r.Context(), hash)
	if errors.Is(err, store.ErrNotFound) {
		d.show(w, http.StatusForbidden, d.form(to, "This key is not known here, or was revoked."))
		return
	}
	if err != nil {
		d.fail(w, fmt.Errorf("look up key: %w", err))
		return
	}
	// Whether it has expired the guard sees, at each request.
	d.begin(w, r, guard.Session{KeyHash: hash}, k.ID, to)
}

// begin gives a session, when it is noted that it was given.
func (d *Door) begin(w http.ResponseWriter, r *http.Request, s guard.Session, about, to string) {
	err := d.o.Note(r.Context(), "sign-in", about, "")
	if err == nil {
		err = d.o.Sessions.Begin(w, s)
	}
	if err != nil {
		d.fail(w, fmt.Errorf("begin session: %w", err))
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (d *Door) signOut(w http.ResponseWriter, r *http.Request) {
	d.o.Sessions.End(w)
	http.Redirect(w, r, SignInPath, http.StatusSeeOther)
}

func (d *Door) fail(w http.ResponseWriter, err error) {
	d.o.Log.Error("sign-in failed", "error", err)
	d.show(w, http.StatusServiceUnavailable, page{Heading: "Nobody can sign in now", Text: "The log of the server says why. Try again later."})
}

// local is a path of ours, whatever a link says: nobody is sent elsewhere from here.
func local(to string) string {
	if len(to) > 2000 || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsFunc(to, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	return to
}

// chance is a text that nobody guesses.
func chance() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
