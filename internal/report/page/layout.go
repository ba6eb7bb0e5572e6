package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"sync"
)

//go:embed assets
var assets embed.FS

//go:embed templates
var templates embed.FS

// Assets are the files that pages refer to by [AssetPath], by their names.
func Assets() fs.FS {
	sub, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // it is in the program
	}
	return sub
}

// AssetPath is the path of an asset on a server. It changes with the content: what it names
// can be kept for good.
func AssetPath(name string) string { return "/assets/" + name + "?v=" + versions()[name] }

var versions = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	entries, err := fs.ReadDir(Assets(), ".")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(Assets(), e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		all[e.Name()] = hex.EncodeToString(sum[:6])
	}
	return all
})

// Mode is what a server lets people do.
type Mode string

// Modes of a server.
const (
	Public  Mode = "public"  // reading only
	Private Mode = "private" // submitting, too
)

// Site is what all pages of a server have around them.
type Site struct {
	// Name is that of the site; empty is "Detonaut".
	Name string
	Mode Mode
	// Search shows a search box, with Query in it.
	Search bool
	Query  string
	// Theme is "light" or "dark"; anything else is what the browser likes.
	Theme string
	Nav   []Link
	// Person is who is logged in.
	Person string
	// URL is where the site is, as "https://detonaut.example", without a slash at the end;
	// empty if that is not known.
	URL string
}

// Link leads somewhere. Its Href is ours, never the subject's.
type Link struct {
	Text, Href string
	// Note says more, in a word or two.
	Note string
	// Current is set for the page that shows it.
	Current bool
}

// Chrome is what the layout needs of a page. What a page is executed with embeds it.
type Chrome struct {
	Site Site
	// Title and Description are those of the page; the subject's strings may be in them.
	Title, Description string
	// Path is that of the page on the server.
	Path string
	// JSON and Feed are the paths of the same as JSON and as RSS; empty if there is none.
	JSON, Feed string
	// NoIndex keeps search engines from showing it.
	NoIndex bool
	// Single is set for a page that is a file of its own: it refers to nothing beside itself.
	Single bool
}

// Layout is what all pages share: a template "layout" with the blocks "head" (more of
// <head>) and "main" (what is in <main>), and the functions of [Funcs]. It is executed with
// a value that embeds [Chrome]. Each call returns one of its own: parse what defines
// "main" into it.
//
// Templates that can be used in it: "text" shows a string of the subject, cut at a length:
// {{template "text" (text .Name 80)}}; "verdict" a word with its icon; "severity" a
// severity with its icon.
func Layout() *template.Template { return template.Must(layout().Clone()) }

var layout = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("layout").Funcs(Funcs()).ParseFS(templates, "templates/layout.html", "templates/parts.html"))
})
