// Package page makes the page of a report, in HTML, and what all pages of a server share.
//
// It is pure: what it writes is a function of its view alone, with no clock, no environment
// and no network. Strings of the subject are hostile. They are escaped by html/template,
// which knows where in a page they are; what cannot be seen in them is made visible (see
// [Text]), and they are cut. No link leads where a string of the subject says.
//
// A page can be read without a script. [Assets] are its style, and a script that makes
// reading easier.
package page

import (
	"fmt"
	"html/template"
	"io"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// View is all that the page of a report is made of. What only a store knows is optional.
type View struct {
	Chrome
	Report *detonaut.Report
	// Key is that of its fingerprint if it is not the newest of its digest.
	Key string
	// Name is where it was found.
	Name store.Name
	// Repository is what the registry says of it.
	Repository *store.Repository
	// Now is the time by which ages are told; zero tells none.
	Now time.Time
	// Analyses are all of this digest, the newest first.
	Analyses []store.Summary
	// History is what was found in the repository, the newest first.
	History []store.Summary
	// Related are other images that have something in common with this one.
	Related []Relation
	// Prevalence is in how many images facts of this report were found.
	Prevalence map[store.Fact]int
	// Downloads are what can be had of it; Locked are those for which a key is needed.
	Downloads, Locked []Link
	// Exports are its indicators in the formats of others: CSV, STIX, MISP ...
	Exports []Link
	// Tape is set when the server has the tape: events are links to it.
	Tape bool
	// Bodies is set when the server has the bodies of requests.
	Bodies bool
	// Badge is the path of its badge; Dispute that of a form to say that it is wrong; Compare
	// that of its comparison with another; empty if there is none.
	Badge, Dispute, Compare string
}

// Relation is something that other images have in common with this one.
type Relation struct {
	Fact store.Fact
	// Total is how many images have it, this one included; Images are some of the others.
	Total  int
	Images []store.Summary
}

// Write writes the page of a report.
func Write(w io.Writer, v View) error {
	if err := reportPage().ExecuteTemplate(w, "layout", newModel(v, "")); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

var reportPage = sync.OnceValue(func() *template.Template {
	return template.Must(Layout().ParseFS(templates, "templates/report.html", "templates/findings.html", "templates/story.html", "templates/network.html",
		"templates/files.html", "templates/software.html", "templates/rest.html"))
})

var bookPage = sync.OnceValue(func() *template.Template {
	return template.Must(Layout().ParseFS(templates, "templates/book.html"))
})
