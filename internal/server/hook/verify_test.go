package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What is between the lines is what docs/webhooks.md shows.

// ---
// verify says whether a request is Detonaut's: signature is its header Detonaut-Signature,
// body its body as it came, secret that of the hook.
func verify(signature string, body []byte, secret string, now time.Time) error {
	at, sum, ok := strings.Cut(strings.TrimPrefix(signature, "t="), ",v1=")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return errors.New("no signature")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > 5*time.Minute || age < -5*time.Minute {
		return errors.New("an old request, or one of the future")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	got, err := hex.DecodeString(sum)
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return errors.New("somebody else's signature")
	}
	return nil
}

// ---

// TestDocument: the document shows the code that the tests here run.
func TestDocument(t *testing.T) {
	code, err := os.ReadFile("verify_test.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.TrimSpace(strings.Split(string(code), "// ---\n")[1])
	if !strings.Contains(string(text), "```go\n"+shown+"\n```\n") {
		t.Errorf("docs/webhooks.md does not show:\n%s", shown)
	}
}

func TestVerify(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"event":"report"}`)
	good := Signature("secret", now, body)
	if want := "t=1800000000,v1="; !strings.HasPrefix(good, want) || len(good) != len(want)+64 {
		t.Errorf("got %q", good)
	}
	if err := verify(good, body, "secret", now.Add(4*time.Minute)); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another body":   verify(good, []byte("{}"), "secret", now),
		"another secret": verify(good, body, "Secret", now),
		"another time":   verify(strings.Replace(good, "t=1800000000", "t=1800000001", 1), body, "secret", now),
		"an old one":     verify(good, body, "secret", now.Add(6*time.Minute)),
		"of the future":  verify(good, body, "secret", now.Add(-6*time.Minute)),
		"none":           verify("", body, "secret", now),
		"cut":            verify(good[:len(good)-2], body, "secret", now),
		"no hash":        verify(good[:17]+"x", body, "secret", now),
	} {
		if err == nil {
			t.Errorf("%s is verified", name)
		}
	}
}
