package dataset

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// tables lists them. All but the first two have a row for each of what an image has; of such
// lists a measure has the head only, as the column "cut" of images tells.
func tables() []definition {
	return []definition{
		define("repositories", "Repositories that were listed, whether they were chosen or not.", func(r, last *store.Result, add func(repository)) {
			if last == nil || last.Candidate.Number != r.Candidate.Number {
				add(repositoryOf(&r.Candidate))
			}
		}),
		define("images", "What is under the tags that were chosen, a row for each tag and platform, with what was measured of it.", func(r, _ *store.Result, add func(image)) {
			if r.Item != nil {
				add(imageOf(r))
			}
		}),
		each("categories", "Categories of threats that were found in an image.", func(m *measure.Measure, add func(category)) {
			for _, c := range m.Categories {
				add(category{Category: string(c)})
			}
		}),
		each("families", "Families of threats that were found in an image.", func(m *measure.Measure, add func(family)) {
			for _, f := range m.Families {
				add(family{Family: f})
			}
		}),
		each("findings", "Rules that found something in an image, or in what it did; those about weaknesses are not here.", func(m *measure.Measure, add func(finding)) {
			for i, id := range m.Rules {
				add(finding{Rule: id, Rank: int32(i + 1)})
			}
		}),
		each("critical_packages", "Packages of an image that have a critical vulnerability.", func(m *measure.Measure, add func(criticalPackage)) {
			for _, p := range m.Criticals {
				add(criticalPackage{Name: p.Name, Ecosystem: p.Type, Reached: p.Reached})
			}
		}),
		each("malicious_packages", "Packages of an image that are malware.", func(m *measure.Measure, add func(maliciousPackage)) {
			for _, p := range m.Malicious {
				add(maliciousPackage{Name: p.Name, Ecosystem: p.Type})
			}
		}),
		each("secrets", "Kinds of secrets that lie open in an image. The secrets themselves are nowhere.", func(m *measure.Measure, add func(secret)) {
			if m.Secrets != nil {
				for _, k := range m.Secrets.Kinds {
					add(secret{Kind: k})
				}
			}
		}),
		each("listeners", "Ports at which an image could be reached from outside.", func(m *measure.Measure, add func(listener)) {
			if m.Run == nil {
				return
			}
			for _, l := range m.Run.Listens {
				network, port, _ := strings.Cut(l, "/")
				if n, err := strconv.ParseUint(port, 10, 16); err == nil {
					add(listener{Network: network, Port: int32(n)})
				}
			}
		}),
		each("contacts", "Public names and addresses with which an image got in touch by itself.", func(m *measure.Measure, add func(contact)) {
			if m.Run == nil {
				return
			}
			for _, name := range m.Run.Domains {
				add(contact{Kind: "domain", Value: name})
			}
			for _, a := range m.Run.Addresses {
				if _, err := netip.ParseAddr(a); err == nil {
					add(contact{Kind: "address", Value: a})
				}
			}
		}),
	}
}

// of is whose rows they are.
type of struct {
	Item       int64  `parquet:"item" doc:"Number of the row of images to which it belongs."`
	Repository int64  `parquet:"repository" doc:"Number of its repository."`
	Digest     string `parquet:"digest,dict" doc:"Digest of the image. What has the same digest has the same rows: count each once to count images."`
}

// set is for the structs that embed it.
func (o *of) set(to of) { *o = to }

type category struct {
	of
	Category string `parquet:"category,dict" doc:"Category, of a finding of medium severity or worse that is no guess."`
}

type family struct {
	of
	Family string `parquet:"family,dict" doc:"Family as the rule names it, of a finding of medium severity or worse that is no guess."`
}

type finding struct {
	of
	Rule string `parquet:"rule,dict" doc:"Id of the rule."`
	Rank int32  `parquet:"rank" doc:"Place among the findings of the image, from 1: the worst is the first."`
}

type criticalPackage struct {
	of
	Name      string `parquet:"name,dict" doc:"Name of the package."`
	Ecosystem string `parquet:"ecosystem,dict" doc:"Kind of the package: deb, apk, rpm, npm, python, go-module ..."`
	Reached   bool   `parquet:"reached" doc:"A file of it was executed or loaded while the image ran."`
}

type maliciousPackage struct {
	of
	Name      string `parquet:"name,dict" doc:"Name of the package."`
	Ecosystem string `parquet:"ecosystem,dict" doc:"Kind of the package, as in package URLs: npm, pypi, golang ..."`
}

type secret struct {
	of
	Kind string `parquet:"kind,dict" doc:"Id of the rule without \"secret/\"."`
}

type listener struct {
	of
	Network string `parquet:"network,dict" doc:"tcp or udp."`
	Port    int32  `parquet:"port" doc:"Number of the port."`
}

type contact struct {
	of
	Kind  string `parquet:"kind,dict" doc:"domain or address."`
	Value string `parquet:"value,dict" doc:"The name in lower case, or the IP address."`
}

// each is a table with rows of what was measured.
func each[T any, P interface {
	*T
	set(of)
}](name, doc string, rows func(m *measure.Measure, add func(T))) definition {
	return define(name, doc, func(r, _ *store.Result, add func(T)) {
		if !measured(r) {
			return
		}
		rows(r.Measured, func(row T) {
			P(&row).set(of{Item: r.Item.Number, Repository: r.Candidate.Number, Digest: string(r.Item.Digest)})
			add(row)
		})
	})
}

// measured tells whether a result is of an image that was analysed.
func measured(r *store.Result) bool {
	return r.Item != nil && r.Item.State == store.ItemDone && r.Measured != nil && r.Measured.Schema == measure.Schema
}

// text is a string that a registry or somebody else said.
func text(s string) string { return page.Plain(s, 300) }

// unless is nil for a number that says that it is not known.
func unless[T comparable](v, unknown T) *T {
	if v == unknown {
		return nil
	}
	return &v
}

func moment(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	return unless(t, time.Time{})
}
