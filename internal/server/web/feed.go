package web

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// numFeed is how many images the feed has.
const numFeed = 50

type rss struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string    `xml:"title"`
	Link        string    `xml:"link"`
	Description string    `xml:"description"`
	Items       []rssItem `xml:"item"`
}

type rssItem struct {
	Title       string  `xml:"title"`
	Link        string  `xml:"link"`
	GUID        rssGUID `xml:"guid"`
	Category    string  `xml:"category,omitempty"`
	Description string  `xml:"description"`
	Published   string  `xml:"pubDate"`
}

type rssGUID struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	ID        string `xml:",chardata"`
}

// feed is the newest malicious and unwanted images, as RSS 2.0.
func (s *site) feed(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Store.Find(r.Context(), store.Query{
		Verdicts: []detonaut.Word{detonaut.Malicious, detonaut.Unwanted}, Page: store.Page{Limit: numFeed},
	})
	if err != nil {
		return err
	}
	base := s.base(r)
	out := rss{Version: "2.0", Channel: rssChannel{Title: "Detonaut", Link: base + "/", Description: "Newest malicious and unwanted container images"}}
	for _, f := range found.Found {
		// A reader of feeds may take text for HTML: there is no markup in these.
		out.Channel.Items = append(out.Channel.Items, rssItem{
			Title: inert(fmt.Sprintf("%s is %s", page.ImageName(f), f.Verdict)), Link: base + page.ReportPath(f.Digest, ""),
			GUID: rssGUID{ID: string(f.Digest) + "/" + f.Key}, Category: inert(string(f.Category)),
			Description: inert(f.Sentence), Published: f.Analysed.UTC().Format(time.RFC1123Z),
		})
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", " ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("encode feed: %w", err)
	}
	w.Header().Set("Cache-Control", s.caching(false))
	s.send(w, r, http.StatusOK, "application/rss+xml; charset=utf-8", b.Bytes())
	return nil
}

// inert leaves nothing in a string that could be taken for markup.
func inert(s string) string {
	b := []rune(cut(s, 2*maxShown))
	for i, c := range b {
		switch c {
		case '<':
			b[i] = '‹'
		case '>':
			b[i] = '›'
		case '&':
			b[i] = '＆'
		}
	}
	return string(b)
}

// robots tells search engines what to leave alone.
func (s *site) robots(w http.ResponseWriter, r *http.Request) error {
	text := "User-agent: *\nDisallow: /\n"
	if s.Public {
		text = "User-agent: *\nDisallow: /search\nDisallow: /compare\nDisallow: /api/\nDisallow: /image/*/events\nDisallow: /image/*/download/\nDisallow: /image/*/dispute\n"
	}
	w.Header().Set("Cache-Control", s.caching(false))
	s.send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(text))
	return nil
}

// asset sends a file that pages refer to.
func (s *site) asset(w http.ResponseWriter, r *http.Request) error {
	b, kind, err := readAsset(r.PathValue("name"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	if r.URL.Query().Has("v") { // its name changes with it
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	s.send(w, r, http.StatusOK, kind, b)
	return nil
}
