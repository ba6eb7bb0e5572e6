package all

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/inventory"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// packages are those of one image, and what is known of them. What an earlier reading
// of the same files said is taken from the memory, if that has it.
type packages struct {
	*Reader
	input inventory.Input
	name  [sha256.Size]byte // of what the list follows from

	list  inventory.Inventory
	sum   [sha256.Size]byte // of the list: many images have one
	stage detonaut.Stage
}

// read lists them.
func (p *packages) read(ctx context.Context) {
	if p.Memory != nil {
		p.name = inventory.Name(p.input)
		if note, err := p.Memory.Note(ctx, p.name); err == nil && note != nil && p.list.UnmarshalBinary(note) == nil {
			p.stage = detonaut.Stage{Name: detonaut.StageInventory, State: detonaut.Complete}
			p.sum = sha256.Sum256(note)
			return
		}
	}
	p.list, p.stage = inventory.Read(ctx, p.input)
	if p.Memory == nil || p.stage.State != detonaut.Complete {
		return // another time there may be more
	}
	if note, err := p.list.MarshalBinary(); err == nil {
		p.sum = sha256.Sum256(note)
		_ = p.Memory.SetNote(ctx, p.name, note) // it is read again
	}
}

// remembered tells whether what is known of the list may be remembered: it is whole, and has a sum.
func (p *packages) remembered() bool { return p.Memory != nil && p.sum != [sha256.Size]byte{} }

// matches is what a database says of a list.
type matches struct {
	Vulnerabilities []detonaut.Vulnerability `json:"vulnerabilities"`
}

// match looks up their vulnerabilities.
func (p *packages) match(ctx context.Context) ([]detonaut.Vulnerability, detonaut.Stage) {
	about := sha256.Sum256([]byte(vuln.Version + " " + string(p.Database.Info().Digest) + " " + string(p.sum[:])))
	if p.remembered() {
		var known matches
		if note, err := p.Memory.Note(ctx, about); err == nil && note != nil && json.Unmarshal(note, &known) == nil {
			return known.Vulnerabilities, detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Complete, Reason: p.Database.Warning()}
		}
	}
	found, stage := p.Database.Match(ctx, &p.list.Inventory)
	if p.remembered() && stage.State == detonaut.Complete {
		if note, err := json.Marshal(matches{found}); err == nil {
			_ = p.Memory.SetNote(ctx, about, note) // it is looked up again
		}
	}
	return found, stage
}

// tools are those that are packages. What is known of a list follows from it and from the
// catalogue.
func (p *packages) tools(ctx context.Context) (found []detonaut.Finding, err error) {
	if p.Malware.Load == nil || p.stage.State == detonaut.Failed {
		return nil, nil
	}
	about := sha256.Sum256([]byte("tools " + p.Malware.Digest + " " + string(p.sum[:])))
	if p.remembered() {
		if note, err := p.Memory.Note(ctx, about); err == nil && note != nil && json.Unmarshal(note, &found) == nil {
			return found, nil
		}
	}
	known, err := p.Malware.Load()
	if err != nil {
		return nil, fmt.Errorf("load tools: %w", err)
	}
	found = known.Tools.Check(&p.list.Inventory)
	if p.remembered() {
		if note, err := json.Marshal(found); err == nil {
			_ = p.Memory.SetNote(ctx, about, note) // it is looked up again
		}
	}
	return found, nil
}
