package suppress

import (
	"slices"
	"strings"

	"github.com/anchore/packageurl-go"

	"github.com/detonaut/detonaut"
)

// affected is a vulnerability, and the package in which it is.
type affected struct {
	*detonaut.Vulnerability
	pack *detonaut.Package // nil if it is not in the inventory
	purl *packageurl.PackageURL
	cpes []cpe
}

// ids are the names of the vulnerability, in capitals.
func (a *affected) ids() []string {
	ids := []string{strings.ToUpper(a.ID)}
	for _, id := range a.Aliases {
		if id = strings.ToUpper(id); id != anyID && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (a *affected) source() string {
	if a.pack == nil || a.pack.Source == "" {
		return a.Package
	}
	return a.pack.Source
}

// places are where the package is.
func (a *affected) places() (places []string) {
	if a.pack != nil {
		primary := slices.ContainsFunc(a.pack.Locations, func(l detonaut.Location) bool { return l.Primary })
		for _, l := range a.pack.Locations {
			if l.Primary || !primary {
				places = append(places, l.Path)
			}
		}
	}
	if len(places) == 0 && a.Path != "" {
		places = []string{a.Path}
	}
	return places
}

func (a *affected) parsed() *packageurl.PackageURL { return a.purl }

// packages finds the packages of an image. One goroutine uses it.
type packages struct {
	all map[string]*detonaut.Package
	// known are those that were asked for before, by package URL.
	known map[string]*affected
}

func newPackages(inv *detonaut.Inventory) *packages {
	p := &packages{map[string]*detonaut.Package{}, map[string]*affected{}}
	if inv == nil {
		return p
	}
	for i := range inv.Packages {
		q := &inv.Packages[i]
		path := ""
		if len(q.Locations) > 0 {
			path = q.Locations[0].Path
		}
		p.all[strings.Join([]string{q.Type, q.Name, q.Version, path}, "\x00")] = q
	}
	return p
}

// of is a vulnerability and its package.
func (p *packages) of(v *detonaut.Vulnerability) *affected {
	key := strings.Join([]string{v.Type, v.Package, v.Version, v.Path}, "\x00")
	a := p.known[key+"\x00"+v.PURL]
	if a == nil {
		a = &affected{pack: p.all[key]}
		url := v.PURL
		if a.pack != nil {
			if url == "" {
				url = a.pack.PURL
			}
			for _, c := range a.pack.CPEs {
				if parsed, ok := parseCPE(c); ok {
					a.cpes = append(a.cpes, parsed)
				}
			}
		}
		if parsed, err := packageurl.FromString(url); err == nil {
			a.purl = &parsed
		}
		p.known[key+"\x00"+v.PURL] = a
	}
	b := *a
	b.Vulnerability = v
	return &b
}
