package postgres_test

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/testenv"
)

// maxFile is how large a file of the server may become: its logs have that size from the beginning.
const maxFile = 16 << 20

// TestFullDisk has a server whose files do not grow any more, which to it is a full disk, and fills it.
func TestFullDisk(t *testing.T) {
	unlimit := limit(t, maxFile)
	server := testenv.Postgres(t)
	unlimit()
	url := server.URL(t)
	s := open(t, url, store.Options{})
	var kept []store.Summary
	for n := uint64(0); ; n++ {
		sum, err := s.Put(t.Context(), store.Entry{Report: heavy(n)})
		if err != nil {
			if !strings.Contains(err.Error(), "could not extend file") {
				t.Fatalf("the error of a full disk does not say so: %v", err)
			}
			t.Log(err)
			break
		}
		kept = append(kept, sum)
	}
	lookFor(t, s, kept)
	server.Stop(t)
	server.Start(t) // without the limit
	again := open(t, url, store.Options{})
	sum, err := again.Put(t.Context(), store.Entry{Report: heavy(1000)})
	if err != nil {
		t.Fatalf("when there is room again: %v", err)
	}
	lookFor(t, again, append(kept, sum)) // connections of s are still to find out that theirs are gone
}

// heavy is a report of a megabyte that does not become much smaller.
func heavy(n uint64) *detonaut.Report {
	r := reporttest.Realistic(n)
	noise := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, 1<<20)
	_, _ = noise.Read(b) // it never fails
	r.Run = &detonaut.Run{Output: hex.EncodeToString(b)}
	return r
}

// limit bounds the files of this process, and of those that it starts, until unlimit is called.
func limit(t *testing.T, bytes uint64) (unlimit func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(cur uint64) {
		t.Helper()
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: cur, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}
	set(bytes)
	return func() { set(before.Cur) }
}

func lookFor(t *testing.T, s store.Store, kept []store.Summary) {
	t.Helper()
	for _, sum := range kept {
		if _, err := s.Get(t.Context(), sum.Digest, sum.Key); err != nil {
			t.Errorf("a report was acknowledged: %v", err)
		}
	}
	if all, err := s.All(t.Context(), 0, 1000); err != nil || len(all) != len(kept) {
		t.Errorf("there are %d reports, %d were acknowledged: %v", len(all), len(kept), err)
	}
}
