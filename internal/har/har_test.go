package har_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/har"
)

// bodies are found by names that are no hashes.
var bodies = map[string]string{"text": "the whole text", "binary": "\x00\xff\x01", "long": strings.Repeat("x", 100)}

func find(name string) ([]byte, error) {
	if b, ok := bodies[name]; ok {
		return []byte(b), nil
	}
	return nil, fs.ErrNotExist
}

// archive writes the archive of events.
func archive(t *testing.T, o har.Options, events ...*tape.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w := har.NewWriter(&b, o)
	for _, e := range events {
		if err := w.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func exchange(pid int32, x tape.HTTP) *tape.Event {
	return &tape.Event{Seq: 9, Time: 2_500_000, Kind: tape.HTTPExchange, PID: pid, Flow: 3, HTTP: &x}
}

var start = &tape.Event{
	Seq: 1, Kind: tape.RunStart,
	Start: &tape.Start{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()},
}

// TestArchive looks at all of one archive.
func TestArchive(t *testing.T) {
	got := archive(t, har.Options{Version: "1.0", Body: find}, start,
		&tape.Event{Kind: tape.ProcessExec, PID: 1, Process: &tape.Process{Executable: "/bin/sh"}},
		&tape.Event{Kind: tape.ProcessExec, PID: 1, Errno: "ENOENT", Process: &tape.Process{Executable: "/bin/none"}},
		&tape.Event{Kind: tape.ProcessFork, PID: 1, Process: &tape.Process{Child: 2}},
		&tape.Event{Kind: tape.ProcessExit, PID: 2, Process: &tape.Process{}},
		exchange(2, tape.HTTP{
			Method: "POST", URL: "https://evil.example/drop?id=a+b&&x=%zz&y#z", Version: "HTTP/2.0",
			Headers: []tape.Header{{Name: "cookie", Value: "a=1; b=2"}, {Name: "content-type", Value: "text/plain"}},
			Body:    &tape.Body{Size: 14, SHA256: "text", Kept: true, Text: "the wh"},
			Status:  302, ResponseHeaders: []tape.Header{
				{Name: "Location", Value: "/next"},
				{Name: "Set-Cookie", Value: "s=3; Path=/; Domain=evil.example; Expires=Fri, 02 Jan 2026 03:04:05 GMT; HttpOnly; Secure"},
				{Name: "Set-Cookie", Value: "nonsense"},
			},
			ResponseBody: &tape.Body{Size: 3, SHA256: "binary", Kept: true},
			Answer:       "canned", Start: 1_000_000, Live: true,
		}),
	)
	want := `{"log":{"version":"1.2","creator":{"name":"detonaut","version":"1.0"},"entries":[
{"startedDateTime":"2026-01-02T03:04:05.001000Z","time":1.5,"request":{"method":"POST",` +
		`"url":"https://evil.example/drop?id=a+b\u0026\u0026x=%zz\u0026y#z","httpVersion":"HTTP/2.0",` +
		`"cookies":[{"name":"a","value":"1"},{"name":"b","value":"2"}],` +
		`"headers":[{"name":"cookie","value":"a=1; b=2"},{"name":"content-type","value":"text/plain"}],` +
		`"queryString":[{"name":"id","value":"a b"},{"name":"x","value":"%zz"},{"name":"y","value":""}],` +
		`"postData":{"mimeType":"text/plain","text":"the whole text","_sha256":"text"},"headersSize":-1,"bodySize":14},` +
		`"response":{"status":302,"statusText":"Found","httpVersion":"HTTP/2.0",` +
		`"cookies":[{"name":"s","value":"3","path":"/","domain":"evil.example","expires":"2026-01-02T03:04:05.000000Z","httpOnly":true,"secure":true}],` +
		`"headers":[{"name":"Location","value":"/next"},{"name":"Set-Cookie",` +
		`"value":"s=3; Path=/; Domain=evil.example; Expires=Fri, 02 Jan 2026 03:04:05 GMT; HttpOnly; Secure"},` +
		`{"name":"Set-Cookie","value":"nonsense"}],` +
		`"content":{"size":3,"mimeType":"x-unknown","text":"AP8B","encoding":"base64","_sha256":"binary"},` +
		`"redirectURL":"/next","headersSize":-1,"bodySize":3},"cache":{},"timings":{"send":0,"wait":1.5,"receive":0},` +
		`"connection":"3","_event":9,"_process":{"pid":2,"executable":"/bin/sh"},"_answer":"canned","_live":true}
]}}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	check(t, got)
}

// TestBodies takes bodies whole while there is room, and then what the tape
// has.
func TestBodies(t *testing.T) {
	o := har.Options{Body: find, MaxBody: 50, MaxBodies: 20}
	kept := func(name string, size int64) *tape.Body {
		return &tape.Body{Size: size, SHA256: name, Kept: true, Text: "start"}
	}
	for _, c := range []struct {
		name    string
		options har.Options
		body    *tape.Body
		text    string
		cut     bool
	}{
		{"whole", o, kept("text", 14), "the whole text", false},
		{"not kept", o, &tape.Body{Size: 14, SHA256: "text", Text: "start"}, "start", true},
		{"whole on the tape", o, &tape.Body{Size: 5, SHA256: "text", Text: "start"}, "start", false},
		{"empty", o, &tape.Body{}, "", false},
		{"too long", o, kept("long", 100), "start", true},
		{"longer than it said", o, kept("long", 10), "start", true},
		{"too much", har.Options{Body: find, MaxBodies: 13}, kept("text", 14), "start", true},
		{"gone", o, kept("../../etc/passwd", 9), "start", true},
		{"nowhere to look", har.Options{}, kept("text", 14), "start", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := archive(t, c.options, start, exchange(0, tape.HTTP{ResponseBody: c.body}))
			check(t, text)
			var got struct {
				Log struct {
					Entries []struct {
						Response struct {
							Content struct{ Text, Comment string }
						}
					}
				}
			}
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			content := got.Log.Entries[0].Response.Content
			if content.Text != c.text || (content.Comment != "") != c.cut {
				t.Errorf("got %q with comment %q, want %q, and that it is cut: %t", content.Text, content.Comment, c.text, c.cut)
			}
		})
	}
	broken := errors.New("the disk is broken")
	w := har.NewWriter(&bytes.Buffer{}, har.Options{Body: func(string) ([]byte, error) { return nil, broken }})
	if err := w.Record(exchange(0, tape.HTTP{Body: kept("text", 14)})); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// TestHostile has an archive of nothing, and one of what nobody sends.
func TestHostile(t *testing.T) {
	check(t, archive(t, har.Options{}))
	check(t, archive(t, har.Options{}, start, exchange(1, tape.HTTP{Start: 1 << 62}), exchange(1, tape.HTTP{
		Method: "\x00</script>\u2028", URL: "?=&=&?\"\\", Version: "\n", Status: -7, Start: -1 << 62,
		Headers:         []tape.Header{{}, {Name: "Cookie", Value: "\x00"}, {Name: "cookie"}},
		ResponseHeaders: []tape.Header{{Name: "set-cookie"}},
	})))
}

// TestManyProcesses shows that numbers of processes do not take all memory.
func TestManyProcesses(t *testing.T) {
	var events []*tape.Event
	for pid := range int32(20_000) {
		events = append(events, &tape.Event{Kind: tape.ProcessExec, PID: pid + 1, Process: &tape.Process{Executable: fmt.Sprint("/bin/", pid+1)}})
	}
	events = append(events, exchange(1, tape.HTTP{}), exchange(20_000, tape.HTTP{}))
	got := string(archive(t, har.Options{}, events...))
	if !strings.Contains(got, `{"pid":1,"executable":"/bin/1"}`) || !strings.Contains(got, `{"pid":20000}`) {
		t.Errorf("want the first process and not the last: %s", got)
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteFails(t *testing.T) {
	w := har.NewWriter(full{}, har.Options{})
	for _, err := range []error{w.Record(exchange(0, tape.HTTP{})), w.Close()} {
		if !errors.Is(err, errFull) {
			t.Errorf("got %v, want %v", err, errFull)
		}
	}
}

// required are the fields that HAR 1.2 requires, and what they are: a string,
// a number, or a list or an object of the same. An object whose name ends in ?
// need not be there.
var required = map[string]any{
	"log": map[string]any{
		"version": "", "creator": map[string]any{"name": "", "version": ""},
		"entries": []any{map[string]any{
			"startedDateTime": time.Time{}, "time": 0.0, "cache": map[string]any{},
			"timings": map[string]any{"send": 0.0, "wait": 0.0, "receive": 0.0},
			"request": map[string]any{
				"method": "", "url": "", "httpVersion": "", "cookies": namesAndValues, "headers": namesAndValues,
				"queryString": namesAndValues, "headersSize": 0.0, "bodySize": 0.0,
				"postData?": map[string]any{"mimeType": "", "text": ""},
			},
			"response": map[string]any{
				"status": 0.0, "statusText": "", "httpVersion": "", "cookies": namesAndValues, "headers": namesAndValues,
				"content": map[string]any{"size": 0.0, "mimeType": ""}, "redirectURL": "", "headersSize": 0.0, "bodySize": 0.0,
			},
		}},
	},
}

var namesAndValues = []any{map[string]any{"name": "", "value": ""}}

// optional are those that may be there besides.
var optional = map[string]bool{
	"path": true, "domain": true, "expires": true, "httpOnly": true, "secure": true, "text": true, "encoding": true,
	"comment": true, "connection": true, "serverIPAddress": true,
}

// check holds an archive to the format.
func check(t *testing.T, text []byte) {
	t.Helper()
	if bytes.ContainsAny(text, "<>&\u2028") {
		t.Errorf("HTML would take it for its own: %q", text)
	}
	var got any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	conform(t, "", required, got)
}

func conform(t *testing.T, place string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %v, want an object", place, got)
		}
		for key, w := range want {
			name, may := strings.CutSuffix(key, "?")
			if g, ok := object[name]; ok || !may {
				conform(t, place+"."+name, w, g)
			}
		}
		for name := range object {
			_, must := want[name]
			_, may := want[name+"?"]
			if !must && !may && !optional[name] && !strings.HasPrefix(name, "_") {
				t.Errorf("%s.%s is not in the format", place, name)
			}
		}
	case []any:
		list, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %v, want a list", place, got)
		}
		for i, g := range list {
			conform(t, fmt.Sprintf("%s[%d]", place, i), want[0], g)
		}
	case time.Time:
		s, _ := got.(string)
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			t.Errorf("%s is %v, want a time: %v", place, got, err)
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			t.Errorf("%s is %v, want a %T", place, got, want)
		}
	}
}
