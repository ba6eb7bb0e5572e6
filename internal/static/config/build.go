package config

import (
	"regexp"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// instructions are the steps of the history that a pattern matches.
func instructions(pattern string, unless ...string) func(*Subject, func(detonaut.Evidence)) {
	want := regexp.MustCompile(pattern)
	return func(s *Subject, found func(detonaut.Evidence)) {
	steps:
		for _, step := range s.Image.History {
			text := step.CreatedBy
			if !want.MatchString(text) {
				continue
			}
			for _, u := range unless {
				if strings.Contains(text, u) {
					continue steps
				}
			}
			found(said(strings.Join(strings.Fields(text), " ")))
		}
	}
}

var addedFromAfar = check{
	name: "added-from-afar", severity: detonaut.Low, cis: "4.9",
	title:   "Was built with files fetched by ADD",
	meaning: "ADD takes what the address answers on that day; nobody checks what it is.",
	// BuildKit says "ADD https://... / # buildkit", others "#(nop) ADD https://... in /".
	look: instructions(`(^|#\(nop\) +)ADD .*\b(https?|ftp)://`, "--checksum="),
}

var updateAlone = check{
	name: "update-alone", severity: detonaut.Negligible, cis: "4.7",
	title:   "Was built from a list of packages that ages",
	meaning: "A step that only updates the list of packages is cached, and later steps install old ones.",
	look:    instructions(`(^|/bin/sh -c )\s*(apt(-get)?( -\S+)* update|apk( -\S+)* update|yum( -\S+)* makecache|dnf( -\S+)* makecache)( -\S+)*\s*(# buildkit)?\s*$`),
}

var unverified = check{
	name: "unverified", severity: detonaut.Low, cis: "4.11",
	title:   "Was built from what nobody verified",
	meaning: "Checks of signatures or certificates were turned off while it was built, or a download was run as it came.",
	look: instructions(`--allow-unauthenticated|--force-yes|--no-check-certificate|--nogpgcheck|--no-gpg-checks|--allow-untrusted|--trusted-host|` +
		`\bcurl\b[^|;&]* (-k|--insecure)\b|strict-ssl[= ]false|http\.sslVerify[= ]false|NODE_TLS_REJECT_UNAUTHORIZED=0|` +
		`\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|da|a|z)?sh\b`),
}

// unpinned are labels that name the image that this one was built on.
var baseLabels = []string{"org.opencontainers.image.base.name"}

var unpinnedBase = check{
	name: "unpinned-base", severity: detonaut.Negligible,
	title:   "Was built on whatever was the latest",
	meaning: "The next build may be on another image, and nobody can say which one this was.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		for _, key := range baseLabels {
			name := s.Image.Config.Labels[key]
			if name == "" || strings.Contains(name, "@") {
				continue
			}
			last := name[strings.LastIndexByte(name, '/')+1:]
			if _, tag, ok := strings.Cut(last, ":"); !ok || tag == "latest" {
				found(said(key + " is " + name))
			}
		}
	},
}

// oldAge is how old an image is that nobody has built anew.
const oldAge = 2 * 365 * 24 * time.Hour

var oldBuild = check{
	name: "old-build", severity: detonaut.Low, cis: "4.4",
	title:   "Was built long ago",
	meaning: "What was mended since is not in it.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		made := s.Image.Created
		// Builds that can be repeated are dated at the epoch, or soon after.
		if s.Now.IsZero() || made.Year() < 2013 || s.Now.Sub(made) < oldAge {
			return
		}
		found(said("it says that it was built on " + made.Format(time.DateOnly)))
	},
}
