package cassette

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// play reads what was recorded.
func play(t testing.TB, record []byte) *Player {
	t.Helper()
	p, err := NewPlayer(bytes.NewReader(record))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNames(t *testing.T) {
	var b bytes.Buffer
	r := NewRecorder(&b)
	for _, name := range []string{"Host.example.", "host.example", "gone.example"} {
		if err := r.Name(name, name != "gone.example"); err != nil {
			t.Fatal(err)
		}
	}
	r.Name("late.example", false)
	r.Name("late.example", true)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"cassette":1}
{"name":{"name":"host.example","exists":true}}
{"name":{"name":"gone.example","exists":false}}
{"name":{"name":"late.example","exists":false}}
{"name":{"name":"late.example","exists":true}}
{"end":{}}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	p := play(t, b.Bytes())
	got := map[string][2]bool{}
	for _, name := range []string{"HOST.example", "gone.example", "late.example", "other.example"} {
		exists, known := p.Name(name)
		got[name] = [2]bool{exists, known}
	}
	if diff := cmp.Diff(map[string][2]bool{
		"HOST.example": {true, true}, "gone.example": {false, true}, "late.example": {true, true}, "other.example": {},
	}, got); diff != "" {
		t.Errorf("played (-want +got):\n%s", diff)
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

// A client of a real server, and later of one that plays what that one said,
// sees the same.
func TestHTTP(t *testing.T) {
	visits := 0
	real := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/binary":
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(bytes.Repeat([]byte{0, 0xff, '\n', '"'}, 100_000))
		case "/cookies":
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			w.WriteHeader(http.StatusTeapot)
		case "/echo":
			io.Copy(w, r.Body)
		case "/count":
			visits++
			fmt.Fprint(w, visits)
		default:
			http.NotFound(w, r)
		}
	}))
	defer real.Close()
	requests := [][3]string{
		{"GET", "/binary", ""},
		{"GET", "/cookies", ""},
		{"HEAD", "/binary", ""},
		{"GET", "/a%20b?q=ü", ""},
		{"POST", "/echo", "one"},
		{"POST", "/echo", "two"},
		{"GET", "/count", ""},
		{"GET", "/count", ""},
	}
	var b bytes.Buffer
	recorder := NewRecorder(&b)
	var want []Response
	for _, q := range requests {
		a := fetch(t, q[0], real.URL+q[1], q[2])
		if err := recorder.HTTP(q[0], "http://host.example"+q[1], []byte(q[2]), a); err != nil {
			t.Fatal(err)
		}
		want = append(want, a)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}

	player := play(t, b.Bytes())
	played := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a, ok := player.HTTP(r.Method, "http://host.example"+r.RequestURI, body)
		if !ok {
			t.Errorf("%s %s is not in the record", r.Method, r.RequestURI)
		}
		for name, values := range a.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Status)
		w.Write(a.Body)
	}))
	defer played.Close()
	for i, q := range requests {
		if diff := cmp.Diff(want[i], fetch(t, q[0], played.URL+q[1], q[2])); diff != "" {
			t.Errorf("%v (-real +played):\n%s", q, diff)
		}
	}
}

func fetch(t *testing.T, method, url, body string) Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{Status: a.StatusCode, Version: a.Proto, Header: a.Header, Body: got}
}

func TestWhichAnswer(t *testing.T) {
	var b bytes.Buffer
	r := NewRecorder(&b)
	for i, body := range []string{"a", "b", "a", "c"} {
		if err := r.HTTP("POST", "http://host.example/", []byte(body), Response{Status: 201 + i}); err != nil {
			t.Fatal(err)
		}
	}
	p := play(t, b.Bytes()) // not closed
	if err := p.Err(); !errors.Is(err, ErrCutOff) {
		t.Errorf("without an end: %v", err)
	}
	var got []int
	for _, body := range []string{"c", "new", "a", "b", "a", "new", "b", "a"} {
		a, _ := p.HTTP("POST", "http://host.example/", []byte(body))
		got = append(got, a.Status)
	}
	want := []int{204, 201, 203, 202, 203, 204, 202, 203}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, q := range [][2]string{{"GET", "http://host.example/"}, {"POST", "http://host.example/x"}, {"POST", "https://host.example/"}} {
		if _, ok := p.HTTP(q[0], q[1], []byte("a")); ok {
			t.Errorf("%v is answered", q)
		}
	}
}

func TestHTTPRefuses(t *testing.T) {
	var b bytes.Buffer
	r := NewRecorder(&b)
	empty := b.Len()
	for name, err := range map[string]error{
		"method": r.HTTP("G T", "http://host.example/", nil, Response{Status: 200}),
		"URL":    r.HTTP("GET", "/path", nil, Response{Status: 200}),
		"long":   r.HTTP("GET", "http://host.example/"+strings.Repeat("a", maxText), nil, Response{Status: 200}),
		"status": r.HTTP("GET", "http://host.example/", nil, Response{Status: 101}),
		"name":   r.HTTP("GET", "http://host.example/", nil, Response{Status: 200, Header: http.Header{"A:": {"b"}}}),
		"value":  r.HTTP("GET", "http://host.example/", nil, Response{Status: 200, Header: http.Header{"A": {"b\r\nSet-Cookie: c"}}}),
		"many":   r.HTTP("GET", "http://host.example/", nil, Response{Status: 200, Header: http.Header{"A": {strings.Repeat("b", maxText)}}}),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if b.Len() != empty || r.Err() != nil {
		t.Errorf("%d bytes were written, %v", b.Len()-empty, r.Err())
	}
}

func TestLongBodyIsCut(t *testing.T) {
	var b bytes.Buffer
	r := NewRecorder(&b)
	if err := r.HTTP("GET", "http://host.example/", nil, Response{Status: 200, Body: make([]byte, MaxBody+1)}); err != nil {
		t.Fatal(err)
	}
	a, ok := play(t, b.Bytes()).HTTP("GET", "http://host.example/", nil)
	if !ok || len(a.Body) != MaxBody || !a.Cut {
		t.Errorf("got %d bytes, cut %v", len(a.Body), a.Cut)
	}
}

func TestFull(t *testing.T) {
	var b bytes.Buffer
	r := newRecorder(&b, 200)
	var names, left int
	for i := range 100 {
		err := r.Name(fmt.Sprintf("%02d.example", i), true)
		switch {
		case err == nil:
			names++
		case errors.Is(err, ErrFull):
			left++
		default:
			t.Fatal(err)
		}
	}
	r.Stream("host.example", 1).Server(io.Discard).Write([]byte("left out too"))
	if err := r.Close(); !errors.Is(err, ErrFull) || names == 0 || left == 0 || b.Len() > 200 {
		t.Errorf("%v with %d names, %d left out, %d bytes", err, names, left, b.Len())
	}
	if err := r.Name("late.example", true); !errors.Is(err, ErrFull) {
		t.Errorf("after the end: got %v", err)
	}
	p := play(t, b.Bytes())
	if err := p.Err(); len(p.names) != names || !errors.Is(err, ErrFull) {
		t.Errorf("played %d names: %v", len(p.names), err)
	}
}

type broken struct{ err error }

func (w broken) Write([]byte) (int, error) { return 0, w.err }

func TestWriterFails(t *testing.T) {
	want := errors.New("no space left")
	r := NewRecorder(broken{want})
	for name, err := range map[string]error{"Name": r.Name("host.example", true), "Err": r.Err(), "Close": r.Close()} {
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	const first = `{"cassette":1}` + "\n"
	open := first + `{"open":{"stream":1,"host":"host.example","port":4444}}` + "\n"
	for name, text := range map[string]string{
		"empty":           "",
		"no version":      `{"name":{"name":"a","exists":true}}` + "\n",
		"another version": `{"cassette":2}` + "\n",
		"version twice":   first + first,
		"no JSON":         first + "GET / HTTP/1.1\n",
		"nothing":         first + "{}\n",
		"null":            first + "null\n",
		"two entries":     first + `{"end":{},"name":{"name":"a","exists":true}}` + "\n",
		"two values":      first + `{"end":{}}{}` + "\n",
		"another field":   first + `{"name":{"name":"a","exists":true,"addr":"1.1.1.1"}}` + "\n",
		"after the end":   first + `{"end":{}}` + "\n" + `{"end":{}}` + "\n",
		"a status":        first + `{"http":{"method":"GET","url":"http://a/","request":"","status":42}}` + "\n",
		"a header":        first + `{"http":{"method":"GET","url":"http://a/","request":"","status":200,"header":{"A":["b\r\nC: d"]}}}` + "\n",
		"no stream":       first + `{"data":{"stream":1,"after":0,"data":"YQ=="}}` + "\n",
		"stream 0":        first + `{"data":{"stream":0,"after":0,"data":"YQ=="}}` + "\n",
		"stream 2 first":  first + `{"open":{"stream":2,"host":"host.example","port":4444}}` + "\n",
		"back":            open + `{"data":{"stream":1,"after":5,"data":"YQ=="}}` + "\n" + `{"data":{"stream":1,"after":4,"data":"YQ=="}}` + "\n",
		"before it":       open + `{"data":{"stream":1,"after":-1,"data":"YQ=="}}` + "\n",
		"closed":          open + `{"close":{"stream":1,"after":0}}` + "\n" + `{"data":{"stream":1,"after":0,"data":"YQ=="}}` + "\n",
		"no bytes":        open + `{"data":{"stream":1,"after":0,"data":""}}` + "\n",
		"a long line":     first + strings.Repeat(" ", maxLine) + "\n",
	} {
		if _, err := NewPlayer(strings.NewReader(text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	many := first + strings.Repeat(`{"name":{"name":"a","exists":true}}`+"\n", maxEntries)
	if _, err := NewPlayer(strings.NewReader(many)); !errors.Is(err, ErrInvalid) {
		t.Errorf("many entries: got %v", err)
	}
}

// What the last run could not finish to write is left out.
func TestCutOff(t *testing.T) {
	p := play(t, []byte(`{"cassette":1}`+"\n"+`{"name":{"name":"a.example","exists":true}}`+"\n"+`{"name":{"na`))
	if _, known := p.Name("a.example"); !known || !errors.Is(p.Err(), ErrCutOff) {
		t.Errorf("known %v: %v", known, p.Err())
	}
}
