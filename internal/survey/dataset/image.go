package dataset

import (
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
)

type repository struct {
	Repository int64      `parquet:"repository" doc:"Number in the order in which they were listed, from 1."`
	Registry   string     `parquet:"registry,dict" doc:"Registry, such as docker.io."`
	Name       string     `parquet:"name" doc:"Name, such as library/nginx."`
	Class      string     `parquet:"class,dict" doc:"Who publishes it: official, verified or community."`
	Pulls      *int64     `parquet:"pulls,optional" doc:"How often it was pulled, as the registry says; null if that is not known."`
	Stars      *int64     `parquet:"stars,optional" doc:"Its stars, as the registry says; null if that is not known."`
	Updated    *time.Time `parquet:"updated,optional,timestamp(millisecond)" doc:"When it was pushed to last, as the registry says; null if that is not known."`
	State      string     `parquet:"state,dict" doc:"How far it is: listed, left out (of the sample), chosen, looked (at its tags) or skipped."`
	Reason     *string    `parquet:"reason,optional,dict" doc:"Why it is skipped; null if it is not."`
	Stratum    *string    `parquet:"stratum,optional,dict" doc:"Stratum of which it was drawn; null if there are none."`
	Weight     float64    `parquet:"weight" doc:"How many repositories it stands for: 1 if all were chosen, 0 if it is not of the sample."`
}

func repositoryOf(c *store.Candidate) repository {
	r := repository{
		Repository: c.Number, Registry: text(c.Registry), Name: text(c.Name), Class: string(c.Class), Pulls: unless(c.Pulls, -1), Stars: unless(c.Stars, -1),
		Updated: moment(c.Updated), State: string(c.State), Reason: unless(text(string(c.Reason)), ""), Stratum: unless(text(c.Stratum), ""), Weight: c.Weight,
	}
	if c.State == store.CandidateLeftOut || c.State == store.CandidateListed {
		r.Weight = 0
	}
	return r
}

type image struct {
	Item       int64      `parquet:"item" doc:"Number in the survey, from 1."`
	Repository int64      `parquet:"repository" doc:"Number of its repository."`
	Tag        *string    `parquet:"tag,optional" doc:"Tag under which it was found; null if it has none."`
	Platform   *string    `parquet:"platform,optional,dict" doc:"Platform, as os/architecture[/variant], that was wanted; null if that is not known."`
	Digest     *string    `parquet:"digest,optional" doc:"Digest of the manifest of this platform; null if it was not resolved. One image has one digest, under however many names."`
	Pushed     *time.Time `parquet:"pushed,optional,timestamp(millisecond)" doc:"When the tag was pushed, as the registry says; null if that is not known."`
	State      string     `parquet:"state,dict" doc:"How far it is: ready, queued, done, skipped or failed."`
	Reason     *string    `parquet:"reason,optional,dict" doc:"Why it is skipped or failed; null if it is not."`
	Seen       bool       `parquet:"seen" doc:"There was a report of its digest before, so it was not analysed for this survey."`
	Key        *string    `parquet:"fingerprint,optional,dict" doc:"Short name of everything that the report depends on besides the image; null if there is no report, as in all that follow."`
	Aim        *string    `parquet:"aim,optional,dict" doc:"Short name of what the analysis aimed at: of one aim, reports can be compared."`

	Verdict       *string `parquet:"verdict,optional,dict" doc:"malicious, unwanted, suspicious, inconclusive or clean."`
	Category      *string `parquet:"category,optional,dict" doc:"Category of the finding that decided; null if it has none, or none did."`
	Family        *string `parquet:"family,optional,dict" doc:"Family of the finding that decided; null if it has none, or none did."`
	Tools         *string `parquet:"tools,optional,dict" doc:"What became of miners, hacking tools and proxyware: declared by the image, hidden, or beside something worse; null if it has none."`
	Full          *bool   `parquet:"full_coverage,optional" doc:"Everything was seen that there was to see."`
	WindowsThreat *int32  `parquet:"windows_threats,optional" doc:"Findings about what harms Windows."`
	WindowsFiles  *int32  `parquet:"windows_programs,optional" doc:"Programs of Windows that are of no package, or in which something was found."`
	WindowsBy     *string `parquet:"windows_by,optional,dict" doc:"What these threats are made with, of go, dotnet, powershell and other, with commas; null if there are none."`
	WindowsRuns   *string `parquet:"windows_runtimes,optional,dict" doc:"What the image has that runs such things, of dotnet, powershell and wine, with commas; null if it has nothing of Windows, or none of these."`

	Vulnerability *string `parquet:"vulnerability,optional,dict" doc:"Worst severity of a known vulnerability: critical, high, medium, low, negligible, none or unknown."`
	Critical      *int32  `parquet:"critical,optional" doc:"Known vulnerabilities of critical severity; null if none were looked for, as in the next five."`
	High          *int32  `parquet:"high,optional" doc:"Those of high severity."`
	Medium        *int32  `parquet:"medium,optional" doc:"Those of medium severity, which is called moderate elsewhere."`
	Low           *int32  `parquet:"low,optional" doc:"Those of low and negligible severity."`
	CriticalRan   *int32  `parquet:"critical_reached,optional" doc:"Those of critical severity in packages of which a file was executed or loaded."`
	Exploited     *int32  `parquet:"exploited,optional" doc:"Those that are known to be exploited, by the list of CISA."`
	Secrets       *int32  `parquet:"secrets,optional" doc:"Secrets that lie open in it."`
	SecretsSure   *bool   `parquet:"secrets_sure,optional" doc:"One of them is no guess."`

	Created  *time.Time `parquet:"created,optional,timestamp(millisecond)" doc:"When it was built, as it says; null if it does not."`
	Size     *int64     `parquet:"size,optional" doc:"Bytes of all layers, compressed; of what was not analysed as its manifest says."`
	Files    *int32     `parquet:"files,optional" doc:"Entries of its file system."`
	Layers   *int32     `parquet:"layers,optional" doc:"Its layers."`
	Base     *string    `parquet:"base,optional,dict" doc:"Distribution, as ID VERSION; null if it does not say."`
	Packages *int32     `parquet:"packages,optional" doc:"Its packages; null if they could not be listed."`

	NoCommand  *bool      `parquet:"no_command,optional" doc:"It does not say what to run."`
	Needs      *string    `parquet:"needs,optional,dict" doc:"What it misses that was not given to it: setting, file, service or argument; null if nothing shows that it does."`
	Class      *string    `parquet:"run_class,optional,dict" doc:"What the end of its run means: finished, failed, worked, broke, waits, runs, bounded or none; null if it was not run, as in all that follow but the last two."`
	End        *string    `parquet:"run_end,optional,dict" doc:"Why its run ended, in the words of the tape."`
	Exit       *int32     `parquet:"exit_code,optional" doc:"Exit code of its first process, if that exited."`
	Elapsed    *float64   `parquet:"elapsed_seconds,optional" doc:"How long it ran."`
	CPU        *float64   `parquet:"cpu_seconds,optional" doc:"Processor time of the whole sandbox."`
	Memory     *int64     `parquet:"memory_bytes,optional" doc:"The most memory that the whole sandbox held."`
	Processes  *int32     `parquet:"processes,optional" doc:"Processes that it had."`
	Written    *int32     `parquet:"files_written,optional" doc:"Files that it wrote."`
	Deleted    *int32     `parquet:"files_deleted,optional" doc:"Files that it deleted."`
	Sent       *int64     `parquet:"sent_bytes,optional" doc:"Bytes of payload that it sent to others."`
	Received   *int64     `parquet:"received_bytes,optional" doc:"Bytes of payload that it received from others."`
	Serves     *bool      `parquet:"serves,optional" doc:"It could be reached from outside: see listeners."`
	Local      *bool      `parquet:"listens_locally,optional" doc:"It listens, and for itself only."`
	Contacts   *int32     `parquet:"contacts,optional" doc:"Public names and addresses with which it got in touch by itself: see contacts."`
	Fetches    *string    `parquet:"fetches,optional,dict" doc:"What it does with code that it fetches: ran or fetched; null if it fetches none."`
	RunBounded *bool      `parquet:"run_bounded,optional" doc:"Lists of its run were bounded: counts of them are the least that there is."`
	Analysed   *time.Time `parquet:"analysed,optional,timestamp(millisecond)" doc:"When its analysis began."`
	Cut        *string    `parquet:"cut,optional" doc:"Lists in the other tables that have only the head of what there is, with commas; null if all are whole."`
}

func imageOf(r *store.Result) image {
	i := r.Item
	to := image{
		Item: i.Number, Repository: r.Candidate.Number, Tag: unless(text(i.Name.Tag), ""), Platform: unless(text(i.Platform), ""), Digest: unless(text(string(i.Digest)), ""),
		Pushed: moment(i.Pushed), State: string(i.State), Reason: unless(text(string(i.Reason)), ""), Seen: i.Seen, Size: unless(i.Size, 0),
	}
	if !measured(r) {
		return to
	}
	m := r.Measured
	to.Key, to.Aim = unless(r.Key, ""), unless(r.Aim, "")
	to.judged(m)
	to.holes(m)
	to.Created, to.Size, to.Files, to.Layers = moment(m.Created), &m.Size, small(m.Files), small(m.Layers)
	to.Base = unless(m.Base, "")
	if m.Packages >= 0 {
		to.Packages = small(m.Packages)
	}
	to.NoCommand, to.Needs = &m.NoCommand, unless(string(m.Needs), "")
	to.ran(m.Run)
	to.Analysed, to.Cut = moment(m.Analysed), unless(strings.Join(m.Cut, ","), "")
	return to
}

func (to *image) judged(m *measure.Measure) {
	to.Verdict, to.Category, to.Family = unless(string(m.Verdict), ""), unless(string(m.Category), ""), unless(m.Family, "")
	to.Tools, to.Full = unless(string(m.Tools), ""), &m.Full
	w := m.Windows
	if w == nil {
		w = &measure.Windows{}
	}
	to.WindowsThreat, to.WindowsFiles = small(w.Threats), small(w.Programs)
	to.WindowsBy, to.WindowsRuns = unless(strings.Join(w.By, ","), ""), unless(strings.Join(w.Runtimes, ","), "")
}

func (to *image) holes(m *measure.Measure) {
	to.Vulnerability = unless(string(m.Vulnerability), "")
	if v := m.Vulnerabilities; v != nil {
		to.Critical, to.High, to.Medium, to.Low = small(v.All.Critical), small(v.All.High), small(v.All.Medium), small(v.All.Low+v.All.Negligible)
		to.CriticalRan, to.Exploited = small(v.Reached.Critical), small(v.Exploited)
	}
	s := m.Secrets
	if s == nil {
		s = &measure.Secrets{}
	}
	to.Secrets, to.SecretsSure = small(s.Count), &s.Sure
}

func (to *image) ran(r *measure.Run) {
	if r == nil {
		return
	}
	to.Class, to.End = unless(string(r.Class), ""), unless(r.End, "")
	if r.End == "exited" {
		to.Exit = small(r.Exit)
	}
	elapsed, cpu := r.Elapsed.Seconds(), r.CPU.Seconds()
	to.Elapsed, to.CPU, to.Memory = &elapsed, &cpu, &r.Memory
	to.Processes, to.Written, to.Deleted = small(r.Processes), small(r.Written), small(r.Deleted)
	serves := r.Serves()
	to.Sent, to.Received, to.Serves, to.Local = &r.Sent, &r.Received, &serves, &r.Local
	to.Contacts, to.Fetches, to.RunBounded = small(r.Contacts), unless(string(r.Fetches), ""), &r.Listed
}

// small is a number that is small unless something is very odd.
func small(n int) *int32 {
	v := int32(min(max(n, -1<<31), 1<<31-1))
	return &v
}
