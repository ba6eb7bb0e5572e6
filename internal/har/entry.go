package har

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut/chamber/tape"
)

// The objects of the format, as far as there is something to say. Sizes that
// nobody knows are -1.
type (
	creator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	entry struct {
		Started    string   `json:"startedDateTime"`
		Time       float64  `json:"time"` // milliseconds
		Request    request  `json:"request"`
		Response   response `json:"response"`
		Cache      struct{} `json:"cache"`
		Timings    timings  `json:"timings"`
		Connection string   `json:"connection,omitempty"`

		Event    uint64   `json:"_event"` // its number on the tape
		Count    uint64   `json:"_count,omitempty"`
		Process  *process `json:"_process,omitempty"`
		Answer   string   `json:"_answer,omitempty"`
		Live     bool     `json:"_live,omitempty"`
		Replayed bool     `json:"_replayed,omitempty"`
	}
	process struct {
		PID        int32  `json:"pid"`
		Executable string `json:"executable,omitempty"`
	}
	request struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []cookie  `json:"cookies"`
		Headers     []pair    `json:"headers"`
		QueryString []pair    `json:"queryString"`
		PostData    *postData `json:"postData,omitempty"`
		HeadersSize int64     `json:"headersSize"`
		BodySize    int64     `json:"bodySize"`
	}
	response struct {
		Status      int      `json:"status"`
		StatusText  string   `json:"statusText"`
		HTTPVersion string   `json:"httpVersion"`
		Cookies     []cookie `json:"cookies"`
		Headers     []pair   `json:"headers"`
		Content     content  `json:"content"`
		RedirectURL string   `json:"redirectURL"`
		HeadersSize int64    `json:"headersSize"`
		BodySize    int64    `json:"bodySize"`
	}
	pair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	cookie struct {
		Name     string `json:"name"`
		Value    string `json:"value"`
		Path     string `json:"path,omitempty"`
		Domain   string `json:"domain,omitempty"`
		Expires  string `json:"expires,omitempty"`
		HTTPOnly bool   `json:"httpOnly,omitempty"`
		Secure   bool   `json:"secure,omitempty"`
	}
	postData struct {
		MIMEType string `json:"mimeType"`
		Text     string `json:"text"`
		Encoding string `json:"_encoding,omitempty"` // the format has none here
		SHA256   string `json:"_sha256,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
	content struct {
		Size     int64  `json:"size"`
		MIMEType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
		SHA256   string `json:"_sha256,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
	timings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
)

// instant is how the format writes a time: ISO 8601.
const instant = "2006-01-02T15:04:05.000000Z07:00"

// entry makes the entry of an exchange. That it was written to the tape is its
// end.
func (w *Writer) entry(e *tape.Event) (*entry, error) {
	x := e.HTTP
	took := float64(max(e.Time-x.Start, 0)) / float64(time.Millisecond)
	sent, err := w.body(x.Body)
	if err != nil {
		return nil, err
	}
	got, err := w.body(x.ResponseBody)
	if err != nil {
		return nil, err
	}
	made := &entry{
		Started: time.Unix(0, w.wall+x.Start).UTC().Format(instant), Time: took, Timings: timings{Wait: took},
		Request: request{
			Method: x.Method, URL: x.URL, HTTPVersion: x.Version, Cookies: requestCookies(x.Headers), Headers: pairs(x.Headers),
			QueryString: query(x.URL), HeadersSize: -1, BodySize: sent.size,
		},
		Response: response{
			Status: x.Status, StatusText: http.StatusText(x.Status), HTTPVersion: x.Version,
			Cookies: responseCookies(x.ResponseHeaders), Headers: pairs(x.ResponseHeaders),
			Content: content{
				Size: got.size, MIMEType: mimeType(x.ResponseHeaders), Text: got.text, Encoding: got.encoding,
				SHA256: got.sha256, Comment: got.comment,
			},
			RedirectURL: header(x.ResponseHeaders, "Location"), HeadersSize: -1, BodySize: got.size,
		},
		Event: e.Seq, Count: e.Count, Answer: x.Answer, Live: x.Live, Replayed: x.Replayed,
	}
	if x.Body != nil {
		made.Request.PostData = &postData{
			MIMEType: mimeType(x.Headers), Text: sent.text, Encoding: sent.encoding, SHA256: sent.sha256, Comment: sent.comment,
		}
	}
	if e.Flow != 0 {
		made.Connection = strconv.FormatUint(e.Flow, 10)
	}
	if e.PID != 0 {
		made.Process = &process{PID: e.PID, Executable: w.processes[e.PID]}
	}
	return made, nil
}

// body is a body as the archive has it.
type body struct {
	size           int64
	text, encoding string
	sha256         string
	comment        string
}

// body looks for a body, or takes what the tape has of it.
func (w *Writer) body(b *tape.Body) (body, error) {
	if b == nil {
		return body{}, nil
	}
	made := body{size: b.Size, text: b.Text, sha256: b.SHA256}
	if b.Size == 0 {
		return made, nil
	}
	if b.Kept && w.opts.Body != nil && b.Size <= min(w.opts.MaxBody, w.left) {
		whole, err := w.opts.Body(b.SHA256)
		switch {
		case err == nil && int64(len(whole)) <= b.Size:
			w.left -= int64(len(whole))
			made.text, made.encoding = encode(whole)
			return made, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return body{}, fmt.Errorf("read body: %w", err)
		}
	}
	if int64(len(b.Text)) != b.Size {
		made.comment = fmt.Sprintf("only the printable start of %d bytes", b.Size)
	}
	return made, nil
}

// encode returns text as it is, and other bytes as base64.
func encode(b []byte) (text, encoding string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return base64.StdEncoding.EncodeToString(b), "base64"
}

func pairs(headers []tape.Header) []pair {
	made := make([]pair, len(headers))
	for i, h := range headers {
		made[i] = pair(h)
	}
	return made
}

func header(headers []tape.Header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// mimeType returns the type of a body; "x-unknown", as browsers write, if
// nobody said it.
func mimeType(headers []tape.Header) string {
	if t := header(headers, "Content-Type"); t != "" {
		return t
	}
	return "x-unknown"
}

// query returns the parameters of a URL in their order. What is badly escaped
// stays as it is.
func query(address string) []pair {
	made := []pair{}
	_, after, _ := strings.Cut(address, "?")
	after, _, _ = strings.Cut(after, "#")
	for part := range strings.SplitSeq(after, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		made = append(made, pair{unescape(name), unescape(value)})
	}
	return made
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// requestCookies returns the cookies that can be understood; the headers have
// the others.
func requestCookies(headers []tape.Header) []cookie {
	made := []cookie{}
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "Cookie") {
			continue
		}
		parsed, err := http.ParseCookie(h.Value)
		if err != nil {
			continue
		}
		for _, c := range parsed {
			made = append(made, cookie{Name: c.Name, Value: c.Value})
		}
	}
	return made
}

func responseCookies(headers []tape.Header) []cookie {
	made := []cookie{}
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "Set-Cookie") {
			continue
		}
		c, err := http.ParseSetCookie(h.Value)
		if err != nil {
			continue
		}
		one := cookie{Name: c.Name, Value: c.Value, Path: c.Path, Domain: c.Domain, HTTPOnly: c.HttpOnly, Secure: c.Secure}
		if !c.Expires.IsZero() {
			one.Expires = c.Expires.UTC().Format(instant)
		}
		made = append(made, one)
	}
	return made
}
