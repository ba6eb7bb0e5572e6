// Package measure reduces a report to what a survey counts: a kilobyte or two instead of
// some ten or a hundred. It is a pure function of the report, and of nothing else.
//
// Most strings in a report are the subject's. In a measure they are clean: valid UTF-8 without
// what a terminal may obey, and cut; lists are bounded, and say so where that can matter. So a
// measure as JSON is never longer than [MaxJSON].
package measure

import (
	"time"

	"github.com/detonaut/detonaut"
)

// Schema is the version of a [Measure]. It grows by one when a field changes its meaning or
// goes, or when what is measured differs so that the old and the new cannot be counted together.
const Schema = 1

// Measure is what is counted of a report.
type Measure struct {
	Schema int `json:"schema"`
	// Verdict, Category, Family and Declared are those of the verdict.
	Verdict  detonaut.Word     `json:"verdict"`
	Category detonaut.Category `json:"category,omitempty"`
	Family   string            `json:"family,omitempty"`
	Declared bool              `json:"declared,omitempty"`
	// Categories, Families and Rules are of all findings that are no weakness and were not
	// suppressed: categories and families of those that count (of medium severity or worse, and not
	// tentative), sorted; ids of all, the worst first.
	Categories []detonaut.Category `json:"categories,omitempty"`
	Families   []string            `json:"families,omitempty"`
	Rules      []string            `json:"rules,omitempty"`
	// Tools tells what became of the miners, hacking tools and proxyware that count; empty if
	// there is none.
	Tools Tools `json:"tools,omitempty"`
	// Windows is what of Windows is in it; nil if nothing was found.
	Windows *Windows `json:"windows,omitempty"`

	// Vulnerability is the worst severity of a known vulnerability, as the verdict has it.
	Vulnerability detonaut.Severity `json:"vulnerability"`
	// Vulnerabilities counts them; nil if none were looked for.
	Vulnerabilities *Vulnerabilities `json:"vulnerabilities,omitempty"`
	// Criticals are the packages that have a critical vulnerability, each once: those reached at
	// run time first, then by name.
	Criticals []Package `json:"criticals,omitempty"`
	// Malicious are the packages that are malware, by name.
	Malicious []Package `json:"malicious,omitempty"`
	// Secrets are those that lie in its files or its configuration; nil if there are none.
	Secrets *Secrets `json:"secrets,omitempty"`

	Platform string    `json:"platform,omitempty"`
	Created  time.Time `json:"created,omitzero"`
	Size     int64     `json:"size"` // bytes of all layers, compressed
	Files    int       `json:"files"`
	Layers   int       `json:"layers"`
	// Base is the distribution as "ID" or "ID VERSION", such as "debian 12"; empty if the image
	// does not say.
	Base string `json:"base,omitempty"`
	// Packages is how many there are; -1 if they could not be listed.
	Packages int `json:"packages"`

	// Run is what it did; nil if no run was observed to its end.
	Run *Run `json:"run,omitempty"`
	// NoCommand is set if the image does not say what to run.
	NoCommand bool `json:"no_command,omitempty"`
	// Needs is what it misses that it was not given; empty if nothing shows that it does.
	Needs Need `json:"needs,omitempty"`
	// Full is set if nothing was missed.
	Full bool `json:"full,omitempty"`
	// Analysed is when that began.
	Analysed time.Time `json:"analysed,omitzero"`
	// Cut names the lists above of which the report has more than are here.
	Cut []string `json:"cut,omitempty"`
}

// Tools tells of miners, hacking tools and proxyware.
type Tools string

// What became of tools.
const (
	// ToolsDeclared: the image says that it holds them, and nothing worse was found.
	ToolsDeclared Tools = "declared"
	// ToolsHidden: it was judged for them, and does not say that it holds them.
	ToolsHidden Tools = "hidden"
	// ToolsBeside: it was judged for something else.
	ToolsBeside Tools = "beside"
)

// Windows is what of Windows is in an image.
type Windows struct {
	// Programs is how many of the files that the report lists are programs of Windows or .NET, as
	// their heads tell: those that something was found in, that ran, or that no package has.
	Programs int `json:"programs,omitempty"`
	// Threats is how many findings that count are about what harms Windows.
	Threats int `json:"threats,omitempty"`
	// By is what these are made with, of [ByGo], [ByDotNet], [ByPowerShell] and [ByOther], sorted.
	By []string `json:"by,omitempty"`
	// Runtimes are what the image has that runs such things without Windows, of [Runtimes], sorted.
	Runtimes []string `json:"runtimes,omitempty"`
}

// What malware of Windows is made with.
const (
	ByGo         = "go"
	ByDotNet     = "dotnet"
	ByPowerShell = "powershell"
	ByOther      = "other"
)

// Bys lists them.
func Bys() []string { return []string{ByGo, ByDotNet, ByPowerShell, ByOther} }

// What runs programs of Windows elsewhere.
const (
	RuntimeDotNet     = "dotnet"
	RuntimePowerShell = "powershell"
	RuntimeWine       = "wine"
)

// Runtimes lists them.
func Runtimes() []string { return []string{RuntimeDotNet, RuntimePowerShell, RuntimeWine} }

// Vulnerabilities counts the known ones.
type Vulnerabilities struct {
	All       Counts `json:"all,omitzero"`
	Reached   Counts `json:"reached,omitzero"` // in packages of which a file was executed or loaded
	Exploited int    `json:"exploited,omitempty"`
}

// Counts are numbers by severity.
type Counts struct {
	Critical   int `json:"critical,omitempty"`
	High       int `json:"high,omitempty"`
	Medium     int `json:"medium,omitempty"`
	Low        int `json:"low,omitempty"`
	Negligible int `json:"negligible,omitempty"`
	Unknown    int `json:"unknown,omitempty"`
}

// Package is a package by its name and ecosystem.
type Package struct {
	Name string `json:"name"`
	Type string `json:"type"` // "deb", "npm", "go-module" ...
	// Reached is set if a file of it was executed or loaded.
	Reached bool `json:"reached,omitempty"`
}

// Secrets are those that lie open.
type Secrets struct {
	// Count is how many were found.
	Count int `json:"count"`
	// Kinds are of which kinds, as the ids of the rules name them, sorted.
	Kinds []string `json:"kinds,omitempty"`
	// Sure is set if one of them is certain or probable.
	Sure bool `json:"sure,omitempty"`
}

// Run is what an image does that is started with nothing but its name: docs/study.md tells
// how each is defined.
type Run struct {
	// End is the reason why it ended, in the words of the tape.
	End    string `json:"end"`
	Exit   int    `json:"exit,omitempty"`
	Signal string `json:"signal,omitempty"`
	// Class is what that means.
	Class Class `json:"class"`
	// Listens are the ports at which it could be reached from outside, as "tcp/80", sorted;
	// Local tells that it listens for itself only.
	Listens []string `json:"listens,omitempty"`
	Local   bool     `json:"local,omitempty"`
	// Contacts is with how many names and addresses it got in touch by itself; Domains and
	// Addresses are the first of them, sorted.
	Contacts  int      `json:"contacts,omitempty"`
	Domains   []string `json:"domains,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	// Fetches is what it does with code that it fetches.
	Fetches Fetch `json:"fetches,omitempty"`

	Elapsed   time.Duration `json:"elapsed_ns"`
	CPU       time.Duration `json:"cpu_ns"`
	Memory    int64         `json:"memory"` // the most that the sandbox held, in bytes
	Processes int           `json:"processes"`
	Written   int           `json:"files_written,omitempty"`
	Deleted   int           `json:"files_deleted,omitempty"`
	Sent      int64         `json:"sent,omitempty"` // bytes of payload to others
	Received  int64         `json:"received,omitempty"`
	// Listed is set if lists of the report were bounded: what is counted of them is the least.
	Listed bool `json:"bounded,omitempty"`
}

// Class is how a run ended, of which one holds.
type Class string

// Classes of runs.
const (
	ClassFinished Class = "finished" // by itself within [AtOnce], with exit code 0
	ClassFailed   Class = "failed"   // by itself within [AtOnce], with another, or by a signal
	ClassWorked   Class = "worked"   // by itself later, with exit code 0
	ClassBroke    Class = "broke"    // by itself later, otherwise
	ClassWaits    Class = "waits"    // it went on until nothing could happen any more
	ClassRuns     Class = "runs"     // it went on until its time was over
	ClassBounded  Class = "bounded"  // it was ended by a limit of memory, events or travel
	ClassNone     Class = "none"     // it could not be started, or was not observed to its end
)

// Classes lists every class.
func Classes() []Class {
	return []Class{ClassFinished, ClassFailed, ClassWorked, ClassBroke, ClassWaits, ClassRuns, ClassBounded, ClassNone}
}

// AtOnce is how soon a run is over that ends at once.
const AtOnce = 10 * time.Second

// Need is what a run misses.
type Need string

// What runs miss.
const (
	NeedSetting  Need = "setting"  // a variable of the environment, or a setting
	NeedArgument Need = "argument" // a command or an argument: it tells how it is used
	NeedFile     Need = "file"     // a file that is to be mounted
	NeedService  Need = "service"  // another service, such as a database
)

// Needs lists every need.
func Needs() []Need { return []Need{NeedSetting, NeedArgument, NeedFile, NeedService} }

// Fetch is what is done with code from elsewhere.
type Fetch string

// What is done with fetched code.
const (
	FetchRan  Fetch = "ran"     // it was fetched and executed or loaded
	FetchKept Fetch = "fetched" // it was fetched
)

// AtOnce tells whether a run was over at once.
func (r *Run) AtOnce() bool {
	return r != nil && (r.Class == ClassFinished || r.Class == ClassFailed)
}

// Serves tells whether it could be reached from outside.
func (r *Run) Serves() bool { return r != nil && len(r.Listens) > 0 }

// Phones tells whether it got in touch with anybody by itself.
func (r *Run) Phones() bool { return r != nil && r.Contacts > 0 }
