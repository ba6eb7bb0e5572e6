// Package config reads how an image is configured, and finds what others could use
// against whoever runs it: its user, its ports and volumes, how it was built, the
// rights of its files, its age.
//
// All that it finds are weaknesses, under ids that do not change. Those that the CIS
// Docker Benchmark (1.6, section 4) has a recommendation for name it.
package config

import (
	"io/fs"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// Version changes whenever equal images may yield other findings than before, time
// apart.
const Version = "2"

// Bounds of one check.
const (
	maxEvidence = 8
	maxSummary  = 200 // bytes
	maxRead     = 64 << 10
)

// Subject is the image that is looked at. Its strings are hostile.
type Subject struct {
	Image detonaut.Image
	// Index lists its files, FS reads them.
	Index *image.Index
	FS    fs.FS
	// Now is the day by which age is judged; zero leaves those checks out.
	Now time.Time
}

// check is one thing to look for.
type check struct {
	// name is its id without "config/".
	name     string
	severity detonaut.Severity
	title    string
	meaning  string
	// cis is the recommendation of the benchmark; empty if there is none.
	cis string
	// look tells each occurrence to found.
	look func(s *Subject, found func(detonaut.Evidence))
}

// checks are all of them, by name.
var checks = []check{
	addedFromAfar, capabilities, dockerSocket, endOfLife, leftovers, noHealthcheck, oldBuild,
	riskyPort, rootUser, setuid, sshHostKey, sshServer, unpinnedBase, unverified, updateAlone, worldWritable,
}

// Check looks for everything, and returns what it found in the order of the ids. An
// error means that the image could not be read.
func Check(s *Subject) []detonaut.Finding {
	findings := []detonaut.Finding{}
	for i := range checks {
		c := &checks[i]
		f := detonaut.Finding{
			ID: "config/" + c.name, Title: c.title, Meaning: c.meaning, Severity: c.severity, Confidence: detonaut.Certain, Weakness: true,
		}
		if c.cis != "" {
			f.Meaning += " (CIS Docker " + c.cis + ")"
		}
		c.look(s, func(e detonaut.Evidence) {
			f.Count++
			if len(f.Evidence) < maxEvidence {
				e.Summary = limit(e.Summary)
				f.Evidence = append(f.Evidence, e)
			}
		})
		if f.Count > 0 {
			findings = append(findings, f)
		}
	}
	return findings
}

// said is evidence in the config of the image.
func said(what string) detonaut.Evidence { return detonaut.Evidence{Summary: what} }

// at is evidence in a file of the image.
func (s *Subject) at(e *image.Entry, what string) detonaut.Evidence {
	found := detonaut.Evidence{Summary: what, Path: "/" + e.Path}
	if e.Layer >= 0 && e.Layer < len(s.Index.Layers) {
		found.Layer = s.Index.Layers[e.Layer]
	}
	if e.SHA256 != (image.Sum{}) {
		found.SHA256 = e.SHA256.String()
	}
	return found
}
