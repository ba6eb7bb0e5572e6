package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/indicator"
)

// mispEvent is an event of MISP's core format. Its numbers are strings there.
type mispEvent struct {
	UUID          string          `json:"uuid"`
	Info          string          `json:"info"`
	Date          string          `json:"date"`
	Timestamp     string          `json:"timestamp"`
	ThreatLevelID string          `json:"threat_level_id"`
	Analysis      string          `json:"analysis"`
	Distribution  string          `json:"distribution"`
	Published     bool            `json:"published"`
	Orgc          mispOrg         `json:"Orgc"`
	Tag           []mispTag       `json:"Tag,omitempty"`
	Attribute     []mispAttribute `json:"Attribute"`
}

type mispOrg struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

type mispTag struct {
	Name string `json:"name"`
}

type mispAttribute struct {
	UUID         string `json:"uuid"`
	Type         string `json:"type"`
	Category     string `json:"category"`
	Value        string `json:"value"`
	Comment      string `json:"comment"`
	ToIDs        bool   `json:"to_ids"`
	Timestamp    string `json:"timestamp"`
	Distribution string `json:"distribution"`
}

// What MISP calls an analysis that is complete, and sharing with nobody but one's own
// organisation, or as the event does.
const (
	mispComplete   = "2"
	mispOwn        = "0"
	mispAsTheEvent = "5"
)

// encodeMISP writes the indicators of a report as an event of MISP.
func encodeMISP(r *detonaut.Report) ([]byte, error) {
	id, err := reportID(r, "misp")
	if err != nil {
		return nil, err
	}
	at := strconv.FormatInt(max(r.Started.Unix(), 0), 10)
	e := mispEvent{
		UUID: id.String(), Info: describe(strings.TrimSpace("Detonaut: " + string(r.Image.Ref) + ": " + r.Verdict.Sentence)),
		Date: r.Started.UTC().Format(time.DateOnly), Timestamp: at, ThreatLevelID: mispThreat(r.Verdict.Word),
		Analysis: mispComplete, Distribution: mispOwn, Orgc: mispOrg{"Detonaut", uuid.NewSHA1(uuid.NameSpaceURL, []byte(home)).String()},
		Attribute: []mispAttribute{},
	}
	if slices.Contains(detonaut.Words(), r.Verdict.Word) {
		e.Tag = []mispTag{{fmt.Sprintf("detonaut:verdict=%q", string(r.Verdict.Word))}}
	}
	add := func(kind, category, value, comment string, ids bool) {
		e.Attribute = append(e.Attribute, mispAttribute{
			UUID: uuid.NewSHA1(id, []byte(kind+"\n"+value)).String(), Type: kind, Category: category, Value: value, Comment: comment,
			ToIDs: ids, Timestamp: at, Distribution: mispAsTheEvent,
		})
	}
	add("text", "External analysis", describe(string(r.Image.Digest)), "the image", false)
	all, left := indicator.Collect(r)
	for _, i := range all {
		kind, category := mispKind(i)
		add(kind, category, Escape(i.Value), describe(about(i, true)), wanted(r, i) && kind != "other")
	}
	if left > 0 {
		add("comment", "Other", fmt.Sprintf("%d more indicators are left out", left), "", false)
	}
	b, err := json.Marshal(map[string]mispEvent{"Event": e})
	if err != nil {
		return nil, fmt.Errorf("encode MISP: %w", err)
	}
	return b, nil
}

// mispThreat is the level of a threat: high, medium, low, undefined.
func mispThreat(w detonaut.Word) string {
	switch w {
	case detonaut.Malicious:
		return "1"
	case detonaut.Unwanted:
		return "2"
	case detonaut.Suspicious:
		return "3"
	case detonaut.Inconclusive, detonaut.Clean:
	}
	return "4"
}

// mispKind is what MISP calls the type and the category of an indicator.
func mispKind(i indicator.Indicator) (kind, category string) {
	switch i.Kind {
	case indicator.Domain:
		return "domain", "Network activity"
	case indicator.URL:
		return "url", "Network activity"
	case indicator.IP:
		return "ip-dst", "Network activity"
	case indicator.SHA256:
		return "sha256", "Payload delivery"
	case indicator.Wallet:
		switch v := i.Value; {
		case len(v) >= 95 && (v[0] == '4' || v[0] == '8'):
			return "xmr", "Financial fraud"
		case strings.HasPrefix(v, "bc1"), len(v) >= 26 && len(v) <= 35 && (v[0] == '1' || v[0] == '3'):
			return "btc", "Financial fraud"
		}
		return "other", "Financial fraud"
	case indicator.JA4:
	}
	return "other", "Network activity"
}
