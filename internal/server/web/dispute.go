package web

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of what somebody says against a report, in characters.
const (
	maxContact = 200
	maxText    = 4000
)

// disputeView is the form to say that a report is wrong.
type disputeView struct {
	Report        *subject
	Action        string
	Sent          bool
	Contact, Text string
	Problem       string
}

// disputeForm is where somebody says that a report is wrong.
func (s *site) disputeForm(r *http.Request) (*document, error) {
	sub, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	return disputeDocument(sub, disputeView{Sent: r.URL.Query().Has("sent")}), nil
}

func disputeDocument(sub *subject, v disputeView) *document {
	v.Report, v.Action = sub, sub.at("dispute")
	return &document{name: "dispute", title: "What is wrong with the report of " + sub.Name + "?", data: v, private: true, noIndex: true}
}

// dispute keeps what somebody says against a report.
func (s *site) dispute(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.subject(r)
	if err != nil {
		return err
	}
	if err := parseForm(w, r); err != nil {
		return err
	}
	v := disputeView{Contact: strings.TrimSpace(r.PostForm.Get("contact")), Text: strings.TrimSpace(r.PostForm.Get("text"))}
	if v.Text == "" || !utf8.ValidString(v.Text+v.Contact) || utf8.RuneCountInString(v.Text) > maxText || utf8.RuneCountInString(v.Contact) > maxContact {
		v.Problem = "Say what is wrong, in some words."
		s.sendPage(w, r, http.StatusBadRequest, disputeDocument(sub, v))
		return nil
	}
	err = s.Store.AddDispute(r.Context(), store.Dispute{
		ID: rand.Text(), Digest: sub.Digest, At: s.Now().UTC(), From: s.From(r), Contact: v.Contact, Text: v.Text,
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, with(sub.at("dispute"), url.Values{"sent": {"1"}}), http.StatusSeeOther)
	return nil
}

// aboutView is what is said of the site itself.
type aboutView struct {
	Contact string
	// Mail is set if the contact is an address of mail; it is a page otherwise.
	Mail bool
	// Words are those of verdicts, and what they mean.
	Words []wordMeaning
}

// wordMeaning is what a word of a verdict means.
type wordMeaning struct {
	Word    detonaut.Word
	Meaning string
}

// wordMeanings are all words of verdicts, the worst first.
func wordMeanings() []wordMeaning {
	return []wordMeaning{
		{detonaut.Malicious, "It does harm that nobody who runs it can want."},
		{detonaut.Unwanted, "A miner, a hacking tool or proxyware and nothing worse; some run it on purpose, most would want to know."},
		{detonaut.Suspicious, "Something was seen that an analyst should look at."},
		{detonaut.Inconclusive, "Nothing bad was seen, and not everything was seen."},
		{detonaut.Clean, "Nothing bad was seen with full coverage."},
	}
}

func (s *site) contact() aboutView {
	return aboutView{Contact: s.Contact, Words: wordMeanings(), Mail: strings.Contains(s.Contact, "@") && !strings.Contains(s.Contact, "/")}
}

// about says what this is.
func (s *site) about(*http.Request) (*document, error) {
	return &document{name: "about", title: "About", about: "What Detonaut does, and how far its verdicts go.", data: s.contact()}, nil
}

// takedown says what to do about a report that should not be shown. With a digest it leads to
// the form.
func (s *site) takedown(r *http.Request) (*document, error) {
	d := &document{name: "takedown", title: "Wrong, or not to be shown?", about: "What to do about a report that is wrong or should not be public.", data: s.contact()}
	if text := strings.TrimSpace(r.URL.Query().Get("image")); text != "" {
		digest, err := s.resolve(r.Context(), text)
		if err != nil {
			return nil, err
		}
		d.to = (&subject{Digest: digest}).at("dispute")
	}
	return d, nil
}
