package detonate_test

import (
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/detonate"
)

// program returns the head of a 64-bit ELF program; loader may be empty.
func program(machine elf.Machine, loader string) []byte {
	b := make([]byte, 64+56+len(loader))
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	le := binary.LittleEndian
	le.PutUint16(b[18:], uint16(machine))
	le.PutUint64(b[32:], 64) // program headers
	le.PutUint16(b[54:], 56)
	if loader != "" {
		le.PutUint16(b[56:], 1)
		le.PutUint32(b[64:], uint32(elf.PT_INTERP))
		le.PutUint64(b[64+8:], 64+56)
		le.PutUint64(b[64+32:], uint64(len(loader)))
		copy(b[64+56:], loader)
	}
	return b
}

func TestNewPlanExecutable(t *testing.T) {
	for _, ok := range []string{
		"app", "/bin/app", "/usr/bin/app", "./app", "../usr/bin/app", "dynamic", "script", "nested", "plain",
		"/opt/away", "/opt/absolute", "/opt/dots", "//bin///app",
	} {
		t.Run(ok, func(t *testing.T) {
			_, err := detonate.NewPlan(newImage(detonaut.Config{Cmd: []string{ok}, WorkingDir: "/srv"}), root(), detonate.Overrides{})
			if err != nil {
				t.Errorf("got %v, want a plan", err)
			}
		})
	}
	cases := []struct{ command, want string }{
		{"", "the command is empty"},
		{"none", "none: no such program in PATH (/usr/local/sbin:/usr/local/bin:"},
		{"/bin/foo", "config.entrypoint: /bin/foo: no such file in the image"},
		{"./none", "./none: no such file in the image"},
		{"/bin/app/", "a part of the path is not a directory"},
		{"/srv", "/srv: is a directory"},
		{"/dev/null", "/dev/null: not a regular file"},
		{"/srv/data", "/srv/data: not executable (its mode is 0644)"},
		{"/opt/loop", "/opt/loop: too many levels of symbolic links"},
		{"/opt/dangling", "/opt/dangling: no such file in the image"},
		{"/opt/long", "too long"},
		{"/" + strings.Repeat("a", 5000), "too long"},
		{"/bin/\x1b[31mred", `"/bin/\x1b[31mred": no such file`},
		{"arm", "arm: built for arm64, but the image says linux/amd64"},
		{"wide", "wide: a 32-bit program in an image for linux/amd64"},
		{"orphan", "orphan: its loader /lib64/none.so: no such file in the image"},
		{"cut", "cut: an ELF program that is cut off"},
		{"text", "text: neither an ELF program nor a script"},
		{"empty", "empty: neither an ELF program nor a script"},
		{"nothing", "nothing: neither an ELF program nor a script"},
		{"windows", `windows: its interpreter "/bin/app\r": no such file`},
		{"noprogram", "noprogram: its interpreter /bin/none: no such file"},
		{"forever", "forever: a script whose interpreters are scripts without end"},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			img := newImage(detonaut.Config{Entrypoint: []string{c.command}, WorkingDir: "/srv"})
			_, err := detonate.NewPlan(img, root(), detonate.Overrides{})
			checkRefused(t, err, "config.entrypoint: ", c.want)
		})
	}
}
