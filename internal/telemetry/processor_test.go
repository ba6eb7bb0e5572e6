package telemetry

import "testing"

func TestProcessorTimeIsShared(t *testing.T) {
	self, children := 10.0, 1.0
	p := newProcessor()
	p.read = func() (float64, float64) { return self, children }
	p.self, p.children = p.read()
	spend := func(s float64) { self += s }

	spend(1) // before there is an analysis
	p.move("", "pull")
	spend(2)
	p.move("", "pull") // another image
	spend(4)
	p.move("pull", "detonate")
	spend(8) // the other one pulls
	children += 16
	p.move("pull", "detonate")
	spend(32) // tapes
	p.move("detonate", "explain")
	spend(64)
	p.move("explain", "")
	p.move("detonate", "")
	spend(128)
	p.move("", "")
	for stage, want := range map[string]float64{"other": 1 + 128, "pull": 2 + 4 + 8, "detonate": 16 + 32, "explain": 64} {
		if got := p.spent[stage]; got != want {
			t.Errorf("%s cost %v, want %v", stage, got, want)
		}
	}
	if len(p.in) != 0 {
		t.Errorf("somebody is in %v", p.in)
	}
}

func TestProcessorTimeIsThatOfTheKernel(t *testing.T) {
	before, _ := processorTime()
	for after := before; after <= before; after, _ = processorTime() {
		for i := range 1 << 20 {
			before += float64(i&1) * 1e-30 // some work
		}
	}
}
