package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Stages that no analysis is in.
const (
	stageOther    = "other" // what the process does besides analyses
	stageDetonate = "detonate"
)

// processor says what the stages of analyses cost. The kernel counts for the whole process, and
// goroutines of many analyses take turns in it: the time between two changes of stage is shared
// evenly among those that compute. What is told adds up to what the kernel counts, and is exact
// when one image is analysed at a time.
//
// An analysis that detonates waits for its chamber, and gets none of the time of others; that of
// the chambers comes when they end, as that of children.
type processor struct {
	desc *prometheus.Desc
	read func() (self, children float64) // seconds

	mu             sync.Mutex
	self, children float64
	in             map[string]int
	spent          map[string]float64
}

func newProcessor() *processor {
	p := &processor{
		desc: prometheus.NewDesc("detonaut_stage_cpu_seconds_total",
			"Processor time by stage, that of chambers among detonate; what the process does besides analyses is other.", []string{"stage"}, nil),
		read: processorTime, in: map[string]int{}, spent: map[string]float64{stageOther: 0, stageDetonate: 0},
	}
	p.self, p.children = p.read()
	return p
}

// move takes an analysis from one stage to another; empty is none.
func (p *processor) move(from, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	if from != "" {
		if p.in[from]--; p.in[from] <= 0 {
			delete(p.in, from)
		}
	}
	if to != "" {
		p.in[to]++
	}
}

// settle shares what was spent since it was called last. The caller has p.mu.
func (p *processor) settle() {
	self, children := p.read()
	spent, waited := self-p.self, children-p.children
	p.self, p.children = self, children
	p.spent[stageDetonate] += max(0, waited)
	if spent <= 0 {
		return
	}
	n := 0
	for stage, many := range p.in {
		if stage != stageDetonate {
			n += many
		}
	}
	switch {
	case n > 0:
		for stage, many := range p.in {
			if stage != stageDetonate {
				p.spent[stage] += spent * float64(many) / float64(n)
			}
		}
	case p.in[stageDetonate] > 0:
		p.spent[stageDetonate] += spent // it reads tapes
	default:
		p.spent[stageOther] += spent
	}
}

// Describe implements [prometheus.Collector].
func (p *processor) Describe(to chan<- *prometheus.Desc) { to <- p.desc }

// Collect implements [prometheus.Collector].
func (p *processor) Collect(to chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	for stage, seconds := range p.spent {
		to <- prometheus.MustNewConstMetric(p.desc, prometheus.CounterValue, seconds, stage)
	}
}
