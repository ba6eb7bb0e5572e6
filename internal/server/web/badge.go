package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/detonaut/detonaut"
)

// badgeColors are those of verdicts, dark enough for white letters.
var badgeColors = map[detonaut.Word]string{
	detonaut.Malicious: "#b3261e", detonaut.Unwanted: "#a34a00", detonaut.Suspicious: "#7a5b00", detonaut.Inconclusive: "#5f6368", detonaut.Clean: "#1e7a3c",
}

// badge draws the verdict on an image, to be shown elsewhere. Nothing of the subject is in it.
func (s *site) badge(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.subject(r)
	if err != nil {
		return err
	}
	word := sub.Report.Verdict.Word
	if !slices.Contains(detonaut.Words(), word) {
		word = detonaut.Inconclusive
	}
	const left, letter, space = 66, 7, 14
	right := letter*len(word) + space
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="detonaut: %[2]s">`+
		`<title>detonaut: %[2]s</title><rect width="%[1]d" height="20" rx="3" fill="#333"/>`+
		`<path d="M%[3]d 0h%[4]da3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%[4]dz" fill="%[5]s"/>`+
		`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">`+
		`<text x="%[6]d" y="14">detonaut</text><text x="%[7]d" y="14">%[2]s</text></g></svg>`,
		left+right, word, left, right-3, badgeColors[word], left/2, left+right/2)
	w.Header().Set("Cache-Control", s.caching(false))
	s.send(w, r, http.StatusOK, "image/svg+xml", []byte(svg))
	return nil
}
