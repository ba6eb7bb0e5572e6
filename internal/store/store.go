// Package store is what Detonaut remembers: reports and what can be found in them, who
// asked for an analysis and how far it is, and who may ask.
//
// It is the contract. Implementations are the folders named for a database: sqlite, in one
// file, and postgres, for many processes; [store/storetest] is the proof that both keep it.
// Artifacts of runs are not in the database: see [store/blob].
//
// Everything in a report comes from the subject and is hostile, in here as elsewhere: it is
// passed as an argument of a statement, never as a part of one.
package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/detonaut/detonaut"
)

// Errors that callers decide on.
var (
	// ErrNotFound is when there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrConflict is when somebody else changed or claimed it first.
	ErrConflict = errors.New("conflict")
	// ErrInvalid is when what was asked for, or is to be kept, makes no sense: a cursor that is
	// none, a report without a digest.
	ErrInvalid = errors.New("invalid")
)

// Store remembers. Its methods may be called from any goroutine, and from several processes
// with one database. What a method has returned without an error is kept, also if the
// process is killed then.
type Store interface {
	Reports
	Catalogue
	Facts
	Search
	Submissions
	Jobs
	Surveys
	Politeness
	Access
	Hooks
	Upkeep
	io.Closer
}

// Reports keeps reports, by digest and fingerprint. The newest of a digest is the one that was
// put last, whenever the image was analysed: a run that is judged again by newer rules is newer.
type Reports interface {
	// Put keeps a report with everything that can be found in it, at once or not at all.
	// One of the same digest and fingerprint is replaced; it stays in the history of the names
	// under which it was put before.
	Put(ctx context.Context, e Entry) (Summary, error)
	// Get returns a report; of the newest fingerprint if key is empty. [ErrNotFound] if there
	// is none.
	Get(ctx context.Context, d detonaut.Digest, key string) (*Entry, error)
	// Under is the key of the newest report of a digest that was made under an aim: what it would
	// be to analyse it again. [ErrNotFound] if there is none, and always if aim is empty.
	Under(ctx context.Context, d detonaut.Digest, aim string) (key string, err error)
	// Analyses are all reports of a digest, the newest first.
	Analyses(ctx context.Context, d detonaut.Digest) ([]Summary, error)
	// Drop forgets a report, and what was found in it. Its blobs are left to the collection of
	// garbage.
	Drop(ctx context.Context, d detonaut.Digest, key string) error
}

// Entry is a report as it is kept.
type Entry struct {
	Report *detonaut.Report
	// Key is that of its fingerprint: see [Key]. Put sets it.
	Key string
	// Aim is [Aim] of who analysed it; empty if nobody asks whether that was done before.
	Aim string
	// Name is the repository and the tag under which it was analysed; empty for one that
	// has no name, such as an archive.
	Name Name
	// Blobs are the artifacts of its run, by their names ("tape.jsonl.zst", "network.pcapng",
	// "network.har", "payloads/SHA256", "bodies/SHA256", "symbols.zst"), as the SHA-256 in hex of
	// each.
	Blobs map[string]string
	// Stored is when it was put; Put sets it.
	Stored time.Time
}

// Name is where an image was found, as the registry calls it: "docker.io", "library/nginx",
// "1.27". Every string in it is the subject's.
type Name struct {
	Registry   string `json:"registry,omitempty"`
	Repository string `json:"repository,omitempty"`
	Tag        string `json:"tag,omitempty"`
}

// Summary is a line of a list: what is known of a report without opening it.
type Summary struct {
	// Seq is greater for what was put later, also of several processes: who has read all up to
	// one misses none that is smaller. A report that becomes the newest of its digest again,
	// because the newest was dropped, gets another.
	Seq     int64           `json:"-"`
	Digest  detonaut.Digest `json:"digest"`
	Key     string          `json:"fingerprint"`
	Name    Name            `json:"name,omitzero"`
	Verdict detonaut.Word   `json:"verdict"`
	// Sentence is that of the verdict.
	Sentence      string            `json:"sentence"`
	Category      detonaut.Category `json:"category,omitempty"`
	Family        string            `json:"family,omitempty"`
	Vulnerability detonaut.Severity `json:"vulnerability"`
	Platform      string            `json:"platform"`
	Size          int64             `json:"size"`
	// Pulls is how often the repository was pulled when that was last looked up; -1 if unknown.
	Pulls    int64     `json:"pulls"`
	Analysed time.Time `json:"analysed"`
}

// Page is a part of a list: at most Limit lines (1 to 200; another number is taken for the
// nearest of these) behind Cursor, which is what came with the part before, or empty.
type Page struct {
	Cursor string
	Limit  int
}

// Catalogue knows repositories, and what was found under their tags.
type Catalogue interface {
	// PutRepository keeps what a registry says of a repository.
	PutRepository(ctx context.Context, r Repository) error
	// Repository returns it; [ErrNotFound] if neither it nor a report of it is known.
	Repository(ctx context.Context, registry, name string) (*Repository, error)
	// History is what was found in a repository, the newest first; under one tag if tag is not
	// empty.
	History(ctx context.Context, registry, name, tag string, p Page) (found []Summary, next string, err error)
}

// Repository is what a registry says of one.
type Repository struct {
	Registry    string    `json:"registry"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Pulls       int64     `json:"pulls"` // -1 if unknown
	Stars       int64     `json:"stars"` // -1 if unknown
	Official    bool      `json:"official,omitempty"`
	Verified    bool      `json:"verified,omitempty"` // of a verified publisher
	Updated     time.Time `json:"updated,omitzero"`
	// Tags are those that were analysed, sorted; the store knows.
	Tags []string `json:"tags,omitempty"`
}

// Facts leads from something that was found to all images that have it.
type Facts interface {
	// Having are the reports with a fact, the newest of each digest, the newest first. An older
	// report with it does not count if the newest has it not.
	Having(ctx context.Context, f Fact, p Page) (found []Summary, next string, err error)
	// Prevalence is in how many digests each fact was found, in the order of facts. Of what was
	// found in thousands the number may be some minutes old.
	Prevalence(ctx context.Context, facts []Fact) ([]int, error)
}

// Fact is something by which images can be found that have to do with one another.
type Fact struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
}

// Kind is the kind of a fact.
type Kind string

// Kinds of facts, and how their values are written.
const (
	SHA256      Kind = "sha256"      // of a file, a payload or a body, in hex
	Likeness    Kind = "likeness"    // "imphash:...", "symbols:...", "modules:..."
	Domain      Kind = "domain"      // that was asked for or reached, in lower case
	IP          Kind = "ip"          // that was reached by its address
	Port        Kind = "port"        // that was reached, or listened at: "tcp/3333"
	Listen      Kind = "listen"      // that was listened at: "tcp/22"
	Wallet      Kind = "wallet"      // of a mining account or an address in evidence
	Certificate Kind = "certificate" // SHA-256 of a certificate or host key; JA4 or HASSH of a client
	Technique   Kind = "technique"   // of ATT&CK: "T1496"
	RuleID      Kind = "rule"        // the id of a finding
	Family      Kind = "family"      // of a finding
	Layer       Kind = "layer"       // digest
	Package     Kind = "package"     // package URL without qualifiers: "pkg:deb/debian/hydra@9.4-1"
	PackageName Kind = "package-name"
	CVE         Kind = "vulnerability"
	Process     Kind = "process" // base name of an executable that ran
)

// Search finds reports.
type Search interface {
	// Find returns the newest report of each digest that a query is about.
	Find(ctx context.Context, q Query) (*Results, error)
	// Numbers are counts of all that is known.
	Numbers(ctx context.Context) (*Numbers, error)
}

// Query is what is looked for. What is empty does not matter. Within a list one must be so,
// and all lists must be.
type Query struct {
	// Text is words, of which each must be in the name (as "docker.io/library/nginx:1.27"), the
	// family or the sentence, in any case, or be six digits or more with which the digest
	// begins; "foo*" is what begins so.
	Text          []string
	Verdicts      []detonaut.Word
	Categories    []detonaut.Category
	Families      []string
	Severities    []detonaut.Severity // of the worst vulnerability
	Registries    []string
	Platforms     []string
	Facts         []Fact // all of them
	MinPulls      int64
	After, Before time.Time // of the analysis: then or later, and earlier
	Order         Order
	Page          Page
	// Facets asks for counts beside the lines.
	Facets bool
}

// Order is how results are sorted: the first is at the top.
type Order string

// Orders.
const (
	Newest Order = "newest" // also ""
	Worst  Order = "worst"  // by verdict, then by vulnerability, then the newest
	Pulled Order = "pulls"  // by pulls, then the newest
)

// Results are a part of what was found.
type Results struct {
	Total int
	Found []Summary
	// Next is the cursor of the next part; empty at the end.
	Next string
	// Facets are counts of what was found by "verdict", "category", "family", "severity",
	// "registry", "platform", each the most frequent first, at most 20 of each.
	Facets map[string][]Count
}

// Count is how often something is.
type Count struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Numbers are counts of the newest report of every digest.
type Numbers struct {
	Reports, Repositories            int
	Verdicts, Categories, Severities []Count // all words of each, in their order
	Families                         []Count // the 20 most frequent
	// Days are the numbers of images that were found malicious or unwanted on each of the last
	// 90 days with any, the earliest first, as "2026-11-30".
	Days []Count
}

// Options are what is common to the databases.
type Options struct {
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}
