package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// changeable is an image for the changer.
const changeable = `ENTRYPOINT ["/changer", "exit"]
-- /opt/ --
-- /srv/ --
-- /srv/text --
original
-- /srv/same --
AAAA
-- /srv/program 0755 --
program
-- /srv/capable 0755 --
program
-- /srv/noted --
noted
-- /srv/owned --
owned
-- /srv/untouched --
untouched
-- /srv/deleted --
deleted
-- /srv/tree/ --
-- /srv/tree/leaf --
leaf
-- /srv/replaced/ 0700 --
-- /srv/replaced/old --
old
-- /srv/replaced/kept --
kept
-- /srv/replaced/sub/ --
-- /srv/replaced/sub/old --
old
-- /srv/from --
moving
-- /srv/dir/ 0711 --
-- /srv/dir/inside --
inside
-- /srv/kind --
file
-- /srv/pointer -> /here --
`

// changed is what the changer leaves: what it is, how, and what it holds.
const changed = `add /opt/added file 0640 "added\n"
add /opt/empty file 0600 ""
add /opt/link symlink 0777 -> /opt/added
add /opt/new dir 0750
add /opt/new/deep dir 0750
add /opt/new/deep/file file 0600 "deep\n"
add /opt/pipe fifo 0600
modify /srv/capable file 0755 was 0755 "program\n" capabilities 0100000200200000000000000000000000000000
remove /srv/deleted file
remove /srv/dir dir
remove /srv/from file
modify /srv/kind dir 0700 was 0644
add /srv/moved dir 0711
add /srv/moved/inside file 0644 "inside\n"
modify /srv/noted file 0644 was 0644 "noted\n" attrs user.note
modify /srv/owned file 0644 was 0644 12:34 "owned\n"
modify /srv/pointer symlink 0777 was 0777 -> /there
modify /srv/program file 4755 was 0755 "program\n"
modify /srv/replaced dir 0755 was 0700
add /srv/replaced/new file 0644 "new\n"
remove /srv/replaced/old file
remove /srv/replaced/sub/old file
modify /srv/same file 0644 was 0644 "BBBB\n"
modify /srv/text file 0644 was 0644 "changed!\n"
add /srv/to file 0644 "moving\n"
remove /srv/tree dir
add /dev/x file 0600 "dev\n"
add /dev/shm/s file 0600 "shm\n"
add /tmp/t file 0600 "tmp\n"
`

// What differs from the image is on the tape however the run ends, and nothing
// that the subject did not do; what it wrote is kept.
func TestDifference(t *testing.T) {
	ref := imageWith(t, imagetest.Image(t, changeable), "changer")
	for _, tc := range []struct {
		command string
		flags   []string
		end     string
	}{
		{"exit", nil, "exited"},
		{"stay", []string{"--duration", "2s", "--stay"}, "time-limit"},
		{"stay", []string{"--duration", "1m"}, "quiescent"},
		{"grow", []string{"--memory", "96MiB"}, "memory-limit"},
	} {
		t.Run(tc.end, func(t *testing.T) {
			keep := filepath.Join(t.TempDir(), "keep")
			r := scan(t, ref, append(tc.flags, "--entrypoint", `["/changer","`+tc.command+`"]`, "--keep", keep)...)
			if r.Run.EndReason != tc.end {
				t.Errorf("the run ended with %q, want %q", r.Run.EndReason, tc.end)
			}
			events := kept(t, keep)
			if diff := cmp.Diff(changed, changes(t, events)); diff != "" {
				t.Errorf("the changes (-want +got):\n%s", diff)
			}
			for _, path := range []string{"/opt/added", "/srv/same", "/tmp/t", "/dev/x"} {
				if !left(events, path) {
					t.Errorf("what is left in %s is not kept", path)
				}
			}
			for _, path := range []string{"/srv/program", "/srv/untouched", "/srv/noted"} {
				if left(events, path) {
					t.Errorf("%s is kept, but the image has it", path)
				}
			}
		})
	}
}

// What goes with a file system that is unmounted, by name or with the last process
// that had it, is kept.
func TestUnmounted(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "keep")
	scan(t, imageWith(t, imagetest.Image(t, changeable), "changer"), "--entrypoint", `["/changer","mounts"]`, "--keep", keep)
	var found []string
	for _, e := range kept(t, keep) {
		if e.Kind == tape.PayloadKeep {
			found = append(found, fmt.Sprintf("%s %s by %d, kept: %t", e.Payload.How, e.Payload.Path, min(e.PID, 2), e.Payload.Kept))
		}
	}
	want := []string{"deleted /opt/unmounted by 2, kept: true", "deleted /opt/left by 2, kept: true"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("what is kept (-want +got):\n%s", diff)
	}
}

// Code that was made in memory is kept as it was when it could be run.
func TestCode(t *testing.T) {
	ref := imageWith(t, imagetest.Image(t, changeable), "changer")
	keep := filepath.Join(t.TempDir(), "keep")
	r := scan(t, ref, "--entrypoint", `["/changer","code"]`, "--keep", keep)
	printed := make(map[string]string) // by hash
	for line := range strings.Lines(r.Run.Output) {
		name, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
		printed[sum] = name
	}
	var found []string
	for _, e := range kept(t, keep) {
		if e.Kind == tape.PayloadKeep && e.Payload.How == tape.Code {
			p := e.Payload
			found = append(found, fmt.Sprintf("%q by %s, kept: %t, %d bytes", printed[p.SHA256], p.Path, p.Kept, p.Size))
		}
	}
	want := []string{
		`"written" by /changer, kept: true, 4096 bytes`,
		`"unmapped" by /changer, kept: true, 4096 bytes`,
		`"both" by /changer, kept: true, 4096 bytes`,
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("the code that is kept (-want +got):\n%s\nof\n%s", diff, r.Run.Output)
	}
}

// A program that makes code all the time does not fill the tape with it.
func TestMuchCode(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "keep")
	r := scan(t, imageWith(t, imagetest.Image(t, changeable), "changer"), "--entrypoint", `["/changer","codes"]`, "--keep", keep)
	count := 0
	for _, e := range kept(t, keep) {
		if e.Kind == tape.PayloadKeep && e.Payload.How == tape.Code {
			count++
		}
	}
	if count != 8 {
		t.Errorf("%d regions are kept, want 8", count)
	}
	if !r.Coverage.Full {
		t.Errorf("that is a gap: %q", r.Coverage.Gaps)
	}
}

// changes writes what a tape says has changed, in its order, one line each.
func changes(t *testing.T, events []*tape.Event) string {
	t.Helper()
	known := make(map[string]string)
	for _, s := range []string{"", "added\n", "deep\n", "new\n", "kept\n", "tmp\n", "shm\n", "dev\n", "moving\n", "inside\n", "changed!\n", "BBBB\n", "program\n", "noted\n", "owned\n"} {
		sum := sha256.Sum256([]byte(s))
		known[hex.EncodeToString(sum[:])] = s
	}
	var b strings.Builder
	for _, e := range events {
		if e.Change == nil {
			continue
		}
		c := e.Change
		fmt.Fprintf(&b, "%s %s %s", strings.TrimPrefix(string(e.Kind), "change."), c.Path, c.Type)
		if e.Kind != tape.ChangeRemove {
			fmt.Fprintf(&b, " %04o", c.Mode)
		}
		if e.Kind == tape.ChangeModify {
			fmt.Fprintf(&b, " was %04o", c.Was)
		}
		if c.UID != 0 || c.GID != 0 {
			fmt.Fprintf(&b, " %d:%d", c.UID, c.GID)
		}
		if c.SHA256 != "" {
			fmt.Fprintf(&b, " %q", known[c.SHA256])
			if len(known[c.SHA256]) != int(c.Size) {
				t.Errorf("%s has %d bytes, want those of %q", c.Path, c.Size, known[c.SHA256])
			}
		}
		if c.Target != "" {
			fmt.Fprintf(&b, " -> %s", c.Target)
		}
		if c.Capabilities != "" {
			fmt.Fprintf(&b, " capabilities %s", c.Capabilities)
		}
		if len(c.Attrs) > 0 {
			fmt.Fprintf(&b, " attrs %s", strings.Join(c.Attrs, ","))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// left tells whether what was left in a file is kept.
func left(events []*tape.Event, path string) bool {
	for _, e := range events {
		if e.Kind == tape.PayloadKeep && e.Payload.How == tape.Left && e.Payload.Path == path && e.Payload.Kept {
			return true
		}
	}
	return false
}
