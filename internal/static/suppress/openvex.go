package suppress

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// openVEX is a document of OpenVEX 0.2.0 (github.com/openvex/spec), the fields that are
// of use. What 0.0.x says in another form is read as well: vulnerabilities and products
// that are texts.
type openVEX struct {
	Author     string        `json:"author"`
	Timestamp  string        `json:"timestamp"`
	Statements []openVEXSaid `json:"statements"`
}

type openVEXSaid struct {
	Vulnerability openVEXID      `json:"vulnerability"`
	Products      []openVEXThing `json:"products"`
	Timestamp     string         `json:"timestamp"`
	Status        status         `json:"status"`
	Notes         string         `json:"status_notes"`
	Justification string         `json:"justification"`
	Impact        string         `json:"impact_statement"`
}

// openVEXID names a vulnerability.
type openVEXID struct {
	ID      string   `json:"@id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

// UnmarshalJSON takes a text for a name.
func (v *openVEXID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &v.Name)
	}
	type plain openVEXID
	return json.Unmarshal(b, (*plain)(v))
}

func (v *openVEXID) all() []string {
	all := v.Aliases
	for _, id := range []string{v.Name, v.ID} {
		if id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// openVEXThing is a product, or a part of one.
type openVEXThing struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers"`
	Hashes      map[string]string `json:"hashes"`
	Parts       []openVEXThing    `json:"subcomponents"`
}

// UnmarshalJSON takes a text for an id.
func (t *openVEXThing) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &t.ID)
	}
	type plain openVEXThing
	return json.Unmarshal(b, (*plain)(t))
}

func (t *openVEXThing) targets() (all []target) {
	all = addTarget(all, t.ID)
	if id := t.Identifiers["purl"]; id != t.ID {
		all = addTarget(all, id)
	}
	all = addCPE(addCPE(all, t.Identifiers["cpe23"]), t.Identifiers["cpe22"])
	return addTarget(all, t.Hashes["sha-256"])
}

func (t *openVEXThing) product() product {
	p := product{names: t.targets(), partly: len(t.Parts) > 0}
	for i := range t.Parts {
		p.within = append(p.within, t.Parts[i].targets()...)
	}
	return p
}

func (d *document) openVEX(b []byte) error {
	var doc openVEX
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		at, err := moment(s.Timestamp, doc.Timestamp)
		ids := s.Vulnerability.all()
		switch {
		case err != nil:
		case len(ids) == 0:
			err = errors.New("it names no vulnerability")
		case !slices.Contains([]status{notAffected, isAffected, fixed, underInvestigation}, s.Status):
			err = fmt.Errorf("status %q is none of not_affected, affected, fixed and under_investigation", s.Status)
		}
		if err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
		var products []product
		for j := range s.Products {
			products = append(products, s.Products[j].product())
		}
		said := statement{status: s.Status, at: at, reason: because(doc.Author, s.Justification, s.Impact, s.Notes)}
		if err := d.say(said, ids, products); err != nil {
			return err
		}
	}
	return nil
}
