package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// maxProblems is how many problems are kept, maxTold how many a stage tells, and
// maxText the bytes of each.
const (
	maxProblems = 100
	maxTold     = 4
	maxText     = 300
)

// problems collects what could not be read. Catalogers and readers add to it, each
// from the goroutine that it runs in.
type problems struct {
	mu    sync.Mutex
	kept  []Problem
	count int
}

// add keeps a problem, once.
func (p *problems) add(cataloger, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + " ..."
	}
	made := Problem{cataloger, text}
	if slices.Contains(p.kept, made) {
		return
	}
	p.count++
	if len(p.kept) < maxProblems {
		p.kept = append(p.kept, made)
	}
}

// addAll keeps the problems of another reading, which is over, with a prefix.
func (p *problems) addAll(q *problems, prefix string) {
	for _, one := range q.sorted() {
		p.add(one.Cataloger, prefix+one.Text)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count += q.count - len(q.kept)
}

func (p *problems) sorted() []Problem {
	slices.SortFunc(p.kept, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Cataloger, b.Cataloger), cmp.Compare(a.Text, b.Text))
	})
	return p.kept
}

// reason tells the first problems in one line.
func (p *problems) reason() string {
	var told []string
	for _, one := range p.kept {
		if len(told) == maxTold {
			break
		}
		told = append(told, one.Cataloger+": "+one.Text)
	}
	if more := p.count - len(told); more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, "; ")
}
