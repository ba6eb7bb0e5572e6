package clock

import (
	"testing"

	"gvisor.dev/gvisor/pkg/sentry/kernel"
	sentrytime "gvisor.dev/gvisor/pkg/sentry/time"
)

// The gVisor that is linked in is the one that this was written for, and another
// would be noticed.
func TestFields(t *testing.T) {
	if _, err := New(); err != nil {
		t.Error(err)
	}
	var gone field[kernel.Timekeeper, sentrytime.Clocks]
	if err := gone.find("clock"); err == nil {
		t.Error("a field that is not there was found")
	}
	var other field[kernel.Timekeeper, int32]
	if err := other.find("monotonicOffset"); err == nil {
		t.Error("a field of another type was found")
	}
	var open mutex[kernel.Timekeeper]
	if err := open.find("clocks"); err == nil {
		t.Error("what does not lock was found to")
	}
}

// Clocks that are moved on show it, and leave the vDSO none of its own.
func TestShift(t *testing.T) {
	var clocks sentrytime.Clocks = sentrytime.NewCalibratedClocks(false)
	before, err := clocks.GetTime(sentrytime.Realtime)
	if err != nil {
		t.Fatal(err)
	}
	if err := shift(&clocks); err != nil {
		t.Fatal(err)
	}
	ahead.Store(1e15)
	defer ahead.Store(0)
	for _, id := range []sentrytime.ClockID{sentrytime.Realtime, sentrytime.Monotonic} {
		if now, err := clocks.GetTime(id); err != nil || id == sentrytime.Realtime && now < before+1e15 || now < 1e15 {
			t.Errorf("%s is %d, %v, want it moved on by 1e15", id, now, err)
		}
	}
	for range 3 {
		if r := clocks.Update(false); r.MonotonicOk || r.RealtimeOk {
			t.Error("the vDSO is told the time")
		}
	}
	if err := shift(&clocks); err == nil {
		t.Error("clocks that are not gVisor's were moved")
	}
}
