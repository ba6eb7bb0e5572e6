package suppress

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// csaf is a document of CSAF 2.0 (docs.oasis-open.org/csaf/csaf/v2.0), of the profile
// VEX or another that tells the status of products; the fields that are of use.
type csaf struct {
	Document struct {
		Publisher struct {
			Name string `json:"name"`
		} `json:"publisher"`
		Tracking struct {
			Current string `json:"current_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	Tree struct {
		Branches  []csafBranch   `json:"branches"`
		Names     []csafProduct  `json:"full_product_names"`
		Groups    []csafGroup    `json:"product_groups"`
		Relations []csafRelation `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []csafSaid `json:"vulnerabilities"`
}

type csafBranch struct {
	Branches []csafBranch `json:"branches"`
	Product  *csafProduct `json:"product"`
}

type csafProduct struct {
	ID     string `json:"product_id"`
	Helper struct {
		PURL   string `json:"purl"`
		CPE    string `json:"cpe"`
		Hashes []struct {
			Hashes []struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"value"`
			} `json:"file_hashes"`
		} `json:"hashes"`
	} `json:"product_identification_helper"`
}

type csafGroup struct {
	ID       string   `json:"group_id"`
	Products []string `json:"product_ids"`
}

// csafRelation makes a product of a part and a whole.
type csafRelation struct {
	Name  csafProduct `json:"full_product_name"`
	Part  string      `json:"product_reference"`
	Whole string      `json:"relates_to_product_reference"`
}

type csafSaid struct {
	CVE string `json:"cve"`
	IDs []struct {
		Text string `json:"text"`
	} `json:"ids"`
	Status  map[string][]string `json:"product_status"`
	Flags   []csafNote          `json:"flags"`
	Threats []csafNote          `json:"threats"`
}

// csafNote is a flag, which has a label, or a threat, which has a category and details.
type csafNote struct {
	Label    string   `json:"label"`
	Category string   `json:"category"`
	Details  string   `json:"details"`
	Products []string `json:"product_ids"`
	Groups   []string `json:"group_ids"`
}

// csafStatus are the statuses of products. One that is recommended says nothing.
var csafStatus = []struct {
	word   string
	status status
}{
	{"known_not_affected", notAffected},
	{"fixed", fixed},
	{"first_fixed", fixed},
	{"known_affected", isAffected},
	{"first_affected", isAffected},
	{"last_affected", isAffected},
	{"under_investigation", underInvestigation},
}

const (
	maxDepth  = 64 // of branches
	maxNested = 4  // products that are made of others; each is made of two
)

func (d *document) csaf(b []byte) error {
	var doc csaf
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	at, err := moment(doc.Document.Tracking.Current)
	if err != nil {
		return fmt.Errorf("current_release_date: %w", err)
	}
	tree, err := doc.tree()
	if err != nil {
		return err
	}
	for i := range doc.Vulnerabilities {
		v := &doc.Vulnerabilities[i]
		ids := v.ids()
		if len(ids) == 0 {
			return fmt.Errorf("vulnerability %d has neither cve nor ids", i+1)
		}
		reasons := tree.reasons(v)
		for _, s := range csafStatus {
			// Products of one reason are one statement.
			by := map[string][]product{}
			var order []string
			for _, id := range v.Status[s.word] {
				why := because(doc.Document.Publisher.Name, reasons[id]...)
				if _, ok := by[why]; !ok {
					order = append(order, why)
				}
				by[why] = append(by[why], tree.product(id, 0))
			}
			for _, why := range order {
				if err := d.say(statement{status: s.status, at: at, reason: why}, ids, by[why]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (v *csafSaid) ids() (ids []string) {
	if v.CVE != "" {
		ids = []string{v.CVE}
	}
	for _, id := range v.IDs {
		if id.Text != "" && !slices.Contains(ids, id.Text) {
			ids = append(ids, id.Text)
		}
	}
	return ids
}

// csafTree is what product ids stand for.
type csafTree struct {
	products  map[string][]target
	relations map[string]csafRelation
	groups    map[string][]string
}

func (doc *csaf) tree() (*csafTree, error) {
	t := &csafTree{map[string][]target{}, map[string]csafRelation{}, map[string][]string{}}
	for i := range doc.Tree.Names {
		t.add(&doc.Tree.Names[i])
	}
	if err := t.branches(doc.Tree.Branches, 0); err != nil {
		return nil, err
	}
	for _, r := range doc.Tree.Relations {
		t.add(&r.Name)
		t.relations[r.Name.ID] = r
	}
	for _, g := range doc.Tree.Groups {
		t.groups[g.ID] = g.Products
	}
	return t, nil
}

func (t *csafTree) branches(all []csafBranch, depth int) error {
	if depth > maxDepth {
		return errors.New("product_tree: branches are too deep")
	}
	for i := range all {
		if all[i].Product != nil {
			t.add(all[i].Product)
		}
		if err := t.branches(all[i].Branches, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (t *csafTree) add(p *csafProduct) {
	h := &p.Helper
	names := addCPE(addTarget(nil, h.PURL), h.CPE)
	for _, file := range h.Hashes {
		for _, sum := range file.Hashes {
			if sum.Algorithm == "sha256" {
				names = addTarget(names, sum.Value)
			}
		}
	}
	if len(names) > 0 {
		t.products[p.ID] = append(t.products[p.ID], names...)
	}
}

// product is what an id stands for: what names it itself, or what it is made of. Of a
// part of an image only that image is meant; what else the whole may be, a platform or a
// stream of packages, is not looked for.
func (t *csafTree) product(id string, depth int) product {
	r, made := t.relations[id]
	if !made || depth > maxNested {
		return product{names: t.products[id]}
	}
	part := product{names: t.products[id]}
	if len(part.names) == 0 {
		part = t.product(r.Part, depth+1)
	}
	whole := t.product(r.Whole, depth+1)
	images := slices.DeleteFunc(slices.Clone(whole.names), func(t target) bool { return !t.isImage() })
	if len(images) == 0 {
		return part
	}
	return product{names: images, within: part.names, partly: true}
}

// reasons are what is said why, by product.
func (t *csafTree) reasons(v *csafSaid) map[string][]string {
	why := map[string][]string{}
	note := func(n *csafNote, text string) {
		ids := n.Products
		for _, g := range n.Groups {
			ids = append(ids, t.groups[g]...)
		}
		for _, id := range ids {
			if len(why[id]) < 8 && !slices.Contains(why[id], text) {
				why[id] = append(why[id], text)
			}
		}
	}
	for i := range v.Flags {
		note(&v.Flags[i], v.Flags[i].Label)
	}
	for i := range v.Threats {
		if v.Threats[i].Category == "impact" {
			note(&v.Threats[i], v.Threats[i].Details)
		}
	}
	return why
}
