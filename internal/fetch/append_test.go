package fetch_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/fetch"
)

var content = []byte("all that there is")

// client is one that is not sent to hosts called evil, and a server of the content.
func client(t *testing.T) (*fetch.Client, *url.URL) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if to := req.URL.Query().Get("to"); to != "" {
			http.Redirect(w, req, to, http.StatusFound)
			return
		}
		w.Header().Set("ETag", `"new"`)
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return fetch.New(fetch.Options{Silence: 10 * time.Second, Agent: "test", Allow: func(u *url.URL) error {
		if strings.HasPrefix(u.Host, "evil") {
			return detonaut.ErrUsage
		}
		return nil
	}}), u
}

func TestAppend(t *testing.T) {
	for name, c := range map[string]struct {
		have   string
		part   fetch.Part
		want   string
		status int
		err    error
	}{
		"nothing":            {want: string(content), status: 200},
		"the beginning":      {have: "all that", want: string(content), status: 206},
		"of the same":        {have: "all that", part: fetch.Part{Same: `"new"`}, want: string(content), status: 206},
		"of another":         {have: "anything", part: fetch.Part{Same: `"old"`}, want: string(content), status: 200},
		"all":                {have: string(content), want: string(content)},
		"known":              {part: fetch.Part{Known: http.Header{"If-None-Match": {`"new"`}}}, status: 304},
		"known, and changed": {part: fetch.Part{Known: http.Header{"If-None-Match": {`"old"`}}}, want: string(content), status: 200},
		"too much":           {part: fetch.Part{Most: 5}, status: 200, err: detonaut.ErrLimit},
	} {
		client, u := client(t)
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "part"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(c.have); err != nil {
			t.Fatal(err)
		}
		status := 0
		c.part.Begun = func(resp *http.Response) error { status = resp.StatusCode; return nil }
		c.part.Progress = func(int64, int64) {}
		if c.part.Most == 0 {
			c.part.Most = 1 << 20
		}
		came, err := client.Append(t.Context(), u, f, c.part)
		if !errors.Is(err, c.err) || came != (c.status == 200 && c.err == nil || c.status == 206) || status != c.status {
			t.Errorf("%s: got %t, %v, status %d", name, came, err, status)
		}
		if got, err := os.ReadFile(f.Name()); err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		f.Close()
	}
}

// Who refuses a host is not sent there either.
func TestAllow(t *testing.T) {
	client, u := client(t)
	for _, to := range []*url.URL{{Scheme: "https", Host: "evil.example"}, {Scheme: u.Scheme, Host: u.Host, RawQuery: "to=https://evil.example/"}} {
		err := fetch.Again(t.Context(), func() (bool, error) {
			resp, err := client.Get(t.Context(), to, nil)
			if err == nil {
				resp.Body.Close()
			}
			return false, err
		})
		if !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%s: got %v", to, err)
		}
	}
}
