package store

import (
	"context"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// Surveys are about many images: which there are, which of them are analysed, and what came
// of each. The catalogue of a survey is the backlog; the queue is fed from it, a little ahead
// of the workers, so that it stays small, and a survey can be paused, and ordered anew.
//
// A survey goes so: a job of [JobList] lists repositories; when all are known, or at once if
// there is no sample to draw, some are chosen; jobs of [JobLook] look what is under their tags,
// which makes items; jobs of [JobImage] analyse each digest once. All steps may be repeated, and
// be interrupted anywhere.
type Surveys interface {
	// NewSurvey begins one, with its first job. [ErrConflict] if there is one of this name.
	NewSurvey(ctx context.Context, s Survey) error
	// Survey returns it with its counts; AllSurveys are all without, the newest first.
	Survey(ctx context.Context, name string) (*Survey, error)
	AllSurveys(ctx context.Context) ([]Survey, error)
	// SteerSurvey pauses one, lets it go on, or cancels it for good. Jobs of it that wait are taken
	// from the queue; what runs goes on. [ErrConflict] if it has ended.
	SteerSurvey(ctx context.Context, name string, to SurveyState) error
	// DropSurvey forgets one. Reports stay.
	DropSurvey(ctx context.Context, name string) error

	// Listed keeps repositories that a source told, and where it goes on, at once. One that is known
	// is brought up to date. A survey that watches takes more after its end, at the end of its list.
	// With end the sample is drawn, and looking begins.
	Listed(ctx context.Context, name string, found []Candidate, cursor string, end bool) error
	// Candidates are the repositories of a batch, which a job names, that are not looked at yet, in
	// the order in which they are to be.
	Candidates(ctx context.Context, name string, batch int64) ([]Candidate, error)
	// Looked keeps what is under the tags of a repository; with a reason it is skipped. Of found at
	// most [MaxItems] are kept: then that is the reason why it was not looked at as a whole. It may be
	// told again: what has changed since under a tag is added, or takes the place of what waits.
	Looked(ctx context.Context, name string, number int64, found []Item, reason Reason) error
	// Pushed has tags of a repository looked at, and analysed, that somebody has pushed to, before all
	// others. [ErrConflict] if the survey does not watch.
	Pushed(ctx context.Context, name string, c Candidate, tags []string) error
	// Feed puts so many jobs into the queue that about ahead of each kind may run now, of the surveys
	// that run, the most urgent first. One of which four times as many were put back gets none until
	// these have run. An item whose digest has a report under the aim of its survey
	// is done instead. A survey of which nothing is left to do ends. It may be called by
	// everybody, at any time; one at a time does something. It returns how many jobs it put.
	Feed(ctx context.Context, ahead int) (int, error)

	// Items are those of a survey, by repository and number, those in one state if that is not empty.
	Items(ctx context.Context, name string, state ItemState, p Page) (found []Item, next string, err error)
	// Results are all repositories of a survey with their items, and what was measured of each
	// report, after a place, at most so many (1 to [MaxResults]), by number. A repository without
	// items comes once.
	Results(ctx context.Context, name string, after Place, limit int) ([]Result, error)
}

// SurveyState is how far a survey is.
type SurveyState string

// States of surveys.
const (
	SurveyListing   SurveyState = "listing" // which repositories there are
	SurveyRunning   SurveyState = "running"
	SurveyPaused    SurveyState = "paused"
	SurveyDone      SurveyState = "done"
	SurveyCancelled SurveyState = "cancelled"
)

// Survey is what is to be looked at, and how far that is.
type Survey struct {
	// Name is of lower case letters, digits, dots and dashes.
	Name string `json:"name"`
	// Sources are where repositories are listed, as typed: "dockerhub:library", "registry:HOST" ...
	Sources []string `json:"sources"`
	Choice  Choice   `json:"choice"`
	// Options are of all runs.
	Options RunOptions `json:"options,omitzero"`
	// Aim is [Aim] of who began it: a digest that has a report under it is not analysed again.
	Aim   string      `json:"aim"`
	State SurveyState `json:"state"`
	// Watch keeps it from ending: pushes are added to it.
	Watch bool `json:"watch,omitempty"`
	// Priority is that of its jobs; zero is [PrioritySurvey].
	Priority int `json:"priority,omitempty"`
	// Cursor is where listing goes on: what it means is the source's.
	Cursor  string    `json:"-"`
	Created time.Time `json:"created"`
	Ended   time.Time `json:"ended,omitzero"`
	// Repositories and Items are how many there are in each state; Reasons why some were skipped
	// or have failed. [Surveys.Survey] counts them.
	Repositories map[CandidateState]int `json:"repositories,omitempty"`
	Items        map[ItemState]int      `json:"items,omitempty"`
	Reasons      map[Reason]int         `json:"reasons,omitempty"`
}

// Choice is which images of all that are listed are analysed.
type Choice struct {
	// Sample is how repositories are drawn; "" takes all. Size is how many.
	Sample Sample `json:"sample,omitempty"`
	Size   int    `json:"size,omitempty"`
	// Seed makes the draw: the same of the same repositories is the same.
	Seed uint64 `json:"seed"`
	// Tags is how many of the newest tags of a repository; 0 is "latest", or the newest where there
	// is none; -1 is all. Every source that knows no times takes the last by their order.
	Tags int `json:"tags"`
	// Platforms are those that are wanted, as "os/architecture[/variant]": the first that an image
	// has, or each if All.
	Platforms []string `json:"platforms"`
	All       bool     `json:"all_platforms,omitempty"`
}

// Sample is how a sample is drawn.
type Sample string

// Samples.
const (
	SampleRandom     Sample = "random"     // each is as likely
	SamplePulls      Sample = "pulls"      // the more it is pulled, the likelier
	SampleRecent     Sample = "recent"     // the later it was pushed to, the likelier
	SampleStratified Sample = "stratified" // of each stratum of class and pulls as many
)

// Class is who publishes a repository.
type Class string

// Classes of repositories.
const (
	ClassOfficial  Class = "official"
	ClassVerified  Class = "verified"
	ClassCommunity Class = "community"
)

// CandidateState is how far a repository of a survey is.
type CandidateState string

// States of repositories.
const (
	CandidateListed  CandidateState = "listed"   // the sample is not drawn yet
	CandidateLeftOut CandidateState = "left out" // it is not of the sample
	CandidateChosen  CandidateState = "chosen"
	CandidateLooked  CandidateState = "looked"
	CandidateSkipped CandidateState = "skipped" // see its reason
)

// Candidate is a repository of a survey.
type Candidate struct {
	// Number is in the order in which they were listed, from 1.
	Number int64 `json:"number"`
	// Repository is without its description, which [Catalogue] knows, and without its tags.
	Repository
	// Class is empty in what a source lists that does not tell: then what was known stays, and one
	// that nobody has told of is of the community. So it is with Official and Verified.
	Class Class `json:"class"`
	// Wanted are tags, and digests ("sha256:..."), that a source names, or that were pushed: those are
	// looked at, and not what a [Choice] would take. Of one that is known they are added to what was
	// wanted before.
	Wanted []string       `json:"wanted,omitempty"`
	State  CandidateState `json:"state"`
	// Stratum is of which it was drawn, Weight how many repositories it stands for: 1 if all are
	// taken; 0 for one that is looked at though it is not of the sample, because it was pushed.
	Stratum string  `json:"stratum,omitempty"`
	Weight  float64 `json:"weight"`
	Reason  Reason  `json:"reason,omitempty"`
}

// Bounds of a survey.
const (
	MaxCandidates = 1 << 30 // repositories
	MaxItems      = 10_000  // of a repository
	MaxWanted     = 100     // tags of a repository that are named
	MaxResults    = 5_000   // that are told at once
)

// ItemState is how far an image of a survey is.
type ItemState string

// States of items.
const (
	ItemReady   ItemState = "ready"  // to be analysed
	ItemQueued  ItemState = "queued" // it is in the queue, or runs
	ItemDone    ItemState = "done"   // there is a report
	ItemSkipped ItemState = "skipped"
	ItemFailed  ItemState = "failed" // set aside
)

// Reason is why something was not analysed, in a word or a few: a survey counts them. Everything
// that is skipped has one.
type Reason string

// Reasons. Those of failures are the Says of a [Failure].
const (
	ReasonImageless Reason = "no tags"
	ReasonPlatform  Reason = "other platforms only"
	ReasonArtifact  Reason = "not an image"
	ReasonGone      Reason = "not found"
	ReasonRefused   Reason = "access refused"
	ReasonBroken    Reason = "what the registry says makes no sense"
	ReasonSilent    Reason = "the registry does not answer"
	ReasonLarge     Reason = "too large"
	ReasonTag       Reason = "no such tag"
	ReasonFormat    Reason = "a format that is not read"
	ReasonMany      Reason = "more tags than are kept"
	ReasonUnlooked  Reason = "nobody has looked at it" // though a job to do so has ended
	ReasonCancelled Reason = "cancelled"
)

// Item is an image of a survey: what is under a tag for a platform.
type Item struct {
	Survey    string          `json:"survey"`
	Candidate int64           `json:"candidate"` // the number of its repository
	Number    int64           `json:"number"`    // of those of its repository, from 1
	Name      Name            `json:"name"`
	Digest    detonaut.Digest `json:"digest,omitempty"`
	Platform  string          `json:"platform,omitempty"`
	Size      int64           `json:"size,omitempty"` // of its layers, compressed
	// Pushed is when the tag was, if the source tells.
	Pushed time.Time `json:"pushed,omitzero"`
	State  ItemState `json:"state"`
	Reason Reason    `json:"reason,omitempty"`
	// Seen is set if its digest had a report before, so that it was not analysed for this survey.
	Seen bool `json:"seen,omitempty"`
}

// Place is where a reading of results goes on: after this item of this repository.
type Place struct{ Candidate, Item int64 }

// Result is what came of an item.
type Result struct {
	Candidate Candidate
	// Item is nil for a repository without any.
	Item *Item
	// Measured is of the newest report of its digest; nil if there is none. Key and Aim are of
	// that.
	Measured *measure.Measure
	Key, Aim string
}

// Politeness bounds how often a registry is asked, by all processes together.
type Politeness interface {
	// Take takes at most n tokens from the bucket of a host, which is filled at a rate. If it
	// has none, or the host is held, wait is when to ask again.
	Take(ctx context.Context, host string, r HostRate, n int) (taken int, wait time.Duration, err error)
	// HoldHost has nobody get any for so long from now on: the host has asked for that.
	HoldHost(ctx context.Context, host string, rest time.Duration, why string) error
	// Hosts are those that were asked, by name.
	Hosts(ctx context.Context) ([]HostState, error)
}

// HostRate is how often a host is asked.
type HostRate struct {
	Second float64 // requests
	Burst  int
}

// HostState is how it is with a host.
type HostState struct {
	Host   string    `json:"host"`
	Asked  int64     `json:"asked"` // tokens that were taken
	Held   time.Time `json:"held,omitzero"`
	Why    string    `json:"why,omitempty"`
	Second float64   `json:"second"`
	Burst  int       `json:"burst"`
}
