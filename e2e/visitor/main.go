// Visitor is a client of the end-to-end tests of live networks. It runs inside
// the sandbox, visits one place after the other and says what came of it, a
// line each:
//
//	http://HOST/PATH      fetches, redirects included, and so does https
//	tcp://HOST:PORT/TEXT  sends the text, ends, and hears all of the answer
//	dns:NAME              looks the name up
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	for _, place := range os.Args[1:] {
		fmt.Printf("%s: %s\n", place, visit(place))
	}
}

func visit(place string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	what := fetch
	switch scheme, rest, _ := strings.Cut(place, ":"); scheme {
	case "dns":
		what, place = lookUp, rest
	case "tcp":
		what, place = say, strings.TrimPrefix(rest, "//")
	}
	said, err := what(ctx, place)
	if err != nil {
		return "error: " + err.Error()
	}
	return said
}

// most is how long a body may be to be shown.
const most = 200

func fetch(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	start := make([]byte, most)
	n, err := io.ReadFull(response.Body, start)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("%d %q", response.StatusCode, start[:n]), nil
	}
	h := sha256.New()
	h.Write(start)
	size, err := io.Copy(h, response.Body)
	return fmt.Sprintf("%d %d bytes %x", response.StatusCode, int64(n)+size, h.Sum(nil)), err
}

func say(ctx context.Context, place string) (string, error) {
	address, text, _ := strings.Cut(place, "/")
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		if err := w.CloseWrite(); err != nil {
			return "", err
		}
	}
	heard, err := io.ReadAll(io.LimitReader(c, most))
	return fmt.Sprintf("%q", heard), err
}

func lookUp(ctx context.Context, name string) (string, error) {
	_, err := net.DefaultResolver.LookupHost(ctx, name)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return "no such name", nil
	}
	return "it exists", err
}
