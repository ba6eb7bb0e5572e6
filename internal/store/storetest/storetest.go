// Package storetest is the proof that a store keeps its contract.
package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// Opener opens a store, which is closed at the end of the test. Those that one test opens are
// of the same database, as those of several processes; that of another test is empty at first.
type Opener func(t *testing.T, o store.Options) store.Store

// Test proves it of the stores that open opens.
func Test(t *testing.T, open func(t *testing.T, o store.Options) store.Store) {
	for _, part := range []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"a report comes back as it was", testRoundTrip},
		{"one of the same digest and fingerprint is replaced", testReplace},
		{"what was analysed under an aim", testUnder},
		{"the newest of a digest", testNewest},
		{"what is no report is refused", testNoReport},
		{"hostile reports", testHostile},
		{"hostile strings", testHostileStrings},
		{"history", testHistory},
		{"repositories", testRepositories},
		{"facts", testFacts},
		{"facts of many reports", testFactPages},
		{"facts of a report that is not the newest", testFactsOfNewest},
		{"search", testSearch},
		{"search in two stores", testSearchOfTwo},
		{"submissions", testSubmissions},
		{"submissions that are sent twice", testSentTwice},
		{"the ends of submissions", testEnds},
		{"as many as there is room for", testVacant},
		{"cancelled", testCancel},
		{"the order of jobs", testJobOrder},
		{"of the same jobs there is one", testJobsOnce},
		{"jobs that are put off", testJobLater},
		{"jobs that are set aside", testSetAside},
		{"jobs that fail for good", testJobFailures},
		{"what is known", testKnown},
		{"the queue is paused", testPause},
		{"jobs are put back", testHandBack},
		{"jobs end in time", testGrace},
		{"a worker is woken", testWake},
		{"many do jobs at once", testJobsAtOnce},
		{"progress", testProgress},
		{"bounds of progress", testProgressBounds},
		{"keys", testKeys},
		{"deeds", testDeeds},
		{"disputes", testDisputes},
		{"hooks", testHooks},
		{"deliveries", testDeliveries},
		{"deliveries are claimed once", testDeliveriesAtOnce},
		{"upkeep", testUpkeep},
		{"expiry", testExpire},
		{"cursors that are none", testCursors},
		{"many at once", testCrowd},
		{"changes come in order", testOrder},
		{"a cancelled context", testCancelled},
		{"a survey", testSurvey},
		{"what is no survey", testNoSurvey},
		{"the order of a survey", testFeedOrder},
		{"surveys analyse each digest once", testFeedOnce},
		{"digests that failed before", testFeedTwins},
		{"surveys that are more urgent", testFeedPriority},
		{"surveys whose jobs are put back", testFeedPutBack},
		{"surveys are paused, cancelled and dropped", testSteer},
		{"jobs of surveys are cancelled, and tried again", testCancelJob},
		{"jobs that look in vain", testLookFails},
		{"samples", testSamples},
		{"samples of few", testSmallSample},
		{"repositories that are listed again", testRelisted},
		{"what sources and pushes name", testWanted},
		{"tags that move", testMoved},
		{"surveys of registries that lie", testHostileSurvey},
		{"a million tags", testMillionTags},
		{"many at a survey", testSurveyCrowd},
		{"politeness", testPolite},
		{"politeness of many", testPoliteCrowd},
		{"many hosts", testManyHosts},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// clock is one that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 30, 12, 0, 0, 123456789, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) options() store.Options { return store.Options{Now: c.Now} }

// entry is one with a realistic report.
func entry(n uint64) store.Entry {
	return store.Entry{Report: reporttest.Realistic(n), Name: store.Name{Registry: "docker.io", Repository: fmt.Sprintf("some/image-%d", n), Tag: "1"}}
}

// under is an entry whose report has another fingerprint.
func under(e store.Entry, tool string) store.Entry {
	r := *e.Report
	r.Fingerprint.Tool = tool
	e.Report = &r
	return e
}

func put(t *testing.T, s store.Store, e store.Entry) store.Summary {
	t.Helper()
	sum, err := s.Put(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// same fails unless two values are equal; an empty list is as good as none.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s is another than was put (-want +got):\n%s", what, diff)
	}
}

// sameReport compares reports as JSON, which is what is told of one. What is no text is in JSON
// what it is after it, too.
func sameReport(t *testing.T, want, got *detonaut.Report) {
	t.Helper()
	a, err := json.Marshal(want)
	must(t, err)
	var text detonaut.Report
	must(t, json.Unmarshal(a, &text))
	a, err = json.Marshal(text)
	must(t, err)
	b, err := json.Marshal(got)
	must(t, err)
	if string(a) != string(b) {
		t.Errorf("a report of %d bytes comes back as another one, of %d bytes", len(a), len(b))
	}
}

// must is for what must not fail.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is must for what returns something.
func got[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// pages reads a list in parts of a size, and checks the size of each.
func pages[T any](t *testing.T, limit int, read func(store.Page) ([]T, string, error)) (all []T) {
	t.Helper()
	p := store.Page{Limit: limit}
	for {
		part, next, err := read(p)
		must(t, err)
		all = append(all, part...)
		if next == "" {
			if len(part) > limit {
				t.Fatalf("a part of a list has %d lines, %d were asked for", len(part), limit)
			}
			return all
		}
		if len(part) != limit {
			t.Fatalf("a part of a list that is not the last one has %d lines, %d were asked for", len(part), limit)
		}
		p.Cursor = next
	}
}
