package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Session is what a browser shows instead of a key.
type Session struct {
	// KeyHash is the hash of the key that was shown for it: the session ends with the key.
	KeyHash string `json:"k,omitempty"`
	// Who and Scopes are those of a person who has no key.
	Who    string        `json:"w,omitempty"`
	Scopes []store.Scope `json:"s,omitempty"`
	// Ends is when it does.
	Ends time.Time `json:"e"`
}

// Sessions are signed: nothing of them is stored, and they are good at every server that has
// the secret.
type Sessions struct {
	secret []byte
	secure bool
	life   time.Duration
	now    func() time.Time
}

// SessionSecret is the least length of a secret, in bytes.
const SessionSecret = 32

// NewSessions signs with a secret; an empty one is made, and good for as long as the process
// lives. A secure cookie is sent over https alone. now may be nil.
func NewSessions(secret []byte, secure bool, life time.Duration, now func() time.Time) (*Sessions, error) {
	if len(secret) == 0 {
		secret = make([]byte, SessionSecret)
		_, _ = rand.Read(secret) // it never fails
	}
	if len(secret) < SessionSecret {
		return nil, fmt.Errorf("make sessions: a secret has at least %d bytes", SessionSecret)
	}
	if now == nil {
		now = time.Now
	}
	return &Sessions{secret: secret, secure: secure, life: life, now: now}, nil
}

// maxCookie bounds what is read of one, in bytes.
const maxCookie = 4000

func (s *Sessions) name() string {
	if s.secure {
		return "__Host-detonaut"
	}
	return "detonaut"
}

// Begin gives a browser a session.
func (s *Sessions) Begin(w http.ResponseWriter, session Session) error {
	session.Ends = s.now().Add(s.life).UTC().Truncate(time.Second)
	text, err := s.Seal("session", session)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.Cookie(s.name(), text, s.life))
	return nil
}

// End takes it back.
func (s *Sessions) End(w http.ResponseWriter) { http.SetCookie(w, s.Cookie(s.name(), "", -1)) }

// Read returns the session that a browser has.
func (s *Sessions) Read(r *http.Request) (session Session, ok bool) {
	c, err := r.Cookie(s.name())
	if err != nil || s.Open("session", c.Value, &session) != nil || !s.now().Before(session.Ends) {
		return Session{}, false
	}
	return session, true
}

// Cookie makes one that no script and no other site gets. A negative life removes it.
func (s *Sessions) Cookie(name, value string, life time.Duration) *http.Cookie {
	age := int(life / time.Second)
	if life < 0 {
		age = -1
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	}
}

// Seal signs v for a purpose: everybody can read it, and nobody change it.
func (s *Sessions) Seal(purpose string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", purpose, err)
	}
	body := base64.RawURLEncoding.EncodeToString(b)
	text := body + "." + base64.RawURLEncoding.EncodeToString(s.mac(purpose, body))
	if len(text) > maxCookie {
		return "", fmt.Errorf("seal %s: %d bytes are too many for a cookie", purpose, len(text))
	}
	return text, nil
}

// Open reads what was sealed for the same purpose.
func (s *Sessions) Open(purpose, text string, v any) error {
	bad := errors.New("open " + purpose + ": it was not sealed here")
	body, mac, ok := strings.Cut(text, ".")
	if !ok || len(text) > maxCookie {
		return bad
	}
	got, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(got, s.mac(purpose, body)) {
		return bad
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return bad
	}
	return json.Unmarshal(b, v)
}

func (s *Sessions) mac(purpose, body string) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte("detonaut " + purpose + "\x00" + body))
	return h.Sum(nil)
}
