package suppress

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// cycloneDX is a bill of materials of CycloneDX (1.4 and later), or a document beside
// one, that has vulnerabilities with an analysis; the fields that are of use.
type cycloneDX struct {
	Metadata struct {
		Timestamp string       `json:"timestamp"`
		Component *cyclonePart `json:"component"`
		Supplier  struct {
			Name string `json:"name"`
		} `json:"supplier"`
	} `json:"metadata"`
	Components      []cyclonePart `json:"components"`
	Vulnerabilities []cycloneSaid `json:"vulnerabilities"`
}

type cyclonePart struct {
	Ref     string `json:"bom-ref"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	CPE     string `json:"cpe"`
	Hashes  []struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	} `json:"hashes"`
	Parts []cyclonePart `json:"components"`
}

type cycloneSaid struct {
	ID         string `json:"id"`
	References []struct {
		ID string `json:"id"`
	} `json:"references"`
	Updated  string `json:"updated"`
	Analysis *struct {
		State         string `json:"state"`
		Justification string `json:"justification"`
		Detail        string `json:"detail"`
		First         string `json:"firstIssued"`
		Last          string `json:"lastUpdated"`
	} `json:"analysis"`
	Affects []cycloneAffects `json:"affects"`
}

type cycloneAffects struct {
	Ref      string `json:"ref"`
	Versions []struct {
		Version string `json:"version"`
		Range   string `json:"range"`
		Status  string `json:"status"`
	} `json:"versions"`
}

// cycloneStatus are the states of an analysis.
var cycloneStatus = map[string]status{
	"not_affected":           notAffected,
	"false_positive":         notAffected,
	"resolved":               fixed,
	"resolved_with_pedigree": fixed,
	"exploitable":            isAffected,
	"in_triage":              underInvestigation,
}

func (d *document) cycloneDX(b []byte) error {
	var doc cycloneDX
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	known := map[string][]target{}
	if err := collect(known, doc.Components, 0); err != nil {
		return err
	}
	var image []target // that the bill is of
	if c := doc.Metadata.Component; c != nil {
		known[c.Ref] = c.targets()
		for _, t := range known[c.Ref] {
			if t.isImage() {
				image = append(image, t)
			}
		}
	}
	for i := range doc.Vulnerabilities {
		v := &doc.Vulnerabilities[i]
		if v.Analysis == nil || v.Analysis.State == "" {
			continue // a plain report
		}
		s, ok := cycloneStatus[v.Analysis.State]
		at, err := moment(v.Analysis.Last, v.Analysis.First, v.Updated, doc.Metadata.Timestamp)
		ids := v.ids()
		switch {
		case err != nil:
		case len(ids) == 0:
			err = errors.New("it has no id")
		case !ok:
			err = fmt.Errorf("state %q is none of CycloneDX", v.Analysis.State)
		}
		if err != nil {
			return fmt.Errorf("vulnerability %d: %w", i+1, err)
		}
		var products []product
		for j := range v.Affects {
			products = append(products, v.Affects[j].products(known, image, s)...)
		}
		said := statement{status: s, at: at, reason: because(doc.Metadata.Supplier.Name, v.Analysis.Justification, v.Analysis.Detail)}
		if err := d.say(said, ids, products); err != nil {
			return err
		}
	}
	return nil
}

func (v *cycloneSaid) ids() (ids []string) {
	if v.ID != "" {
		ids = []string{v.ID}
	}
	for _, r := range v.References {
		if r.ID != "" && r.ID != v.ID {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// collect notes what components are, by their reference.
func collect(known map[string][]target, parts []cyclonePart, depth int) error {
	if depth > maxDepth {
		return errors.New("components are too deep")
	}
	for i := range parts {
		if p := &parts[i]; p.Ref != "" {
			known[p.Ref] = p.targets()
		}
		if err := collect(known, parts[i].Parts, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *cyclonePart) targets() []target {
	all := addCPE(addTarget(nil, p.PURL), p.CPE)
	if p.Type != "container" {
		return all
	}
	for _, h := range p.Hashes {
		if h.Algorithm == "SHA-256" {
			all = addTarget(all, h.Content)
		}
	}
	if isDigest(p.Version) {
		return addTarget(all, p.Version)
	}
	if len(all) == 0 && p.Name != "" && p.Version != "" {
		all = addTarget(all, p.Name+":"+p.Version)
	}
	return all
}

// products are what is meant. What a bill of an image says of a package is said of that
// image only.
func (a *cycloneAffects) products(known map[string][]target, image []target, s status) (all []product) {
	for _, t := range a.targets(known) {
		for _, u := range a.versions(t, s) {
			if len(image) == 0 || u.isImage() {
				all = append(all, product{names: []target{u}})
			} else {
				all = append(all, product{names: image, within: []target{u}, partly: true})
			}
		}
	}
	return all
}

// targets are what the reference stands for: a component of the document, or by a
// BOM-Link (urn:cdx:SERIAL/VERSION#REF) of another, whose references are package URLs
// as a rule.
func (a *cycloneAffects) targets(known map[string][]target) []target {
	ref := a.Ref
	if t, ok := known[ref]; ok && ref != "" {
		return t
	}
	if link, ok := strings.CutPrefix(ref, "urn:cdx:"); ok {
		_, fragment, _ := strings.Cut(link, "#")
		plain, err := url.PathUnescape(fragment)
		if t, ok := known[plain]; ok && err == nil {
			return t
		}
		if ref = plain; strings.HasPrefix(fragment, "pkg:") {
			ref = fragment
		}
	}
	if !strings.HasPrefix(ref, "pkg:") {
		return nil
	}
	return addTarget(nil, ref)
}

// versions narrows t to the versions that are named, if some are. A range is not
// understood, nor a version whose status is not what the analysis says.
func (a *cycloneAffects) versions(t target, s status) (all []target) {
	if len(a.Versions) == 0 {
		return []target{t}
	}
	for _, v := range a.Versions {
		if v.Version == "" || v.Status == "unknown" || v.Status == "affected" && s.sets() || v.Status == "unaffected" && !s.sets() {
			continue
		}
		switch {
		case t.purl != nil && (t.purl.Version == "" || t.purl.Version == v.Version):
			p := *t.purl
			p.Version = v.Version
			all = append(all, target{purl: &p})
		case t.cpe != nil && (t.cpe.version == anyValue || t.cpe.version == strings.ToLower(v.Version)):
			c := *t.cpe
			c.version = strings.ToLower(v.Version)
			all = append(all, target{cpe: &c})
		case t.digest != "" || t.oci != nil && t.oci.Version != "":
			all = append(all, t) // an image that is pinned
		}
	}
	return all
}
