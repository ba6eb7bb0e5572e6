// Command spoiler does to files of its own what others do to those of people: its
// argument says what. It makes every file first, and nothing is in them.
//
// Rule: impact/encrypts-files, ransom-notes, rewrites-documents, wipes-system,
// defacement, fills-machine or xmrig.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

// place is where its files are.
const place = "/srv/files"

var deeds = map[string]stage.Deed{
	"encrypts-files":     encrypt,
	"ransom-notes":       leaveNotes,
	"rewrites-documents": rewrite,
	"defacement":         deface,
	"fills-machine":      fill,
	"wipes-home":         func(context.Context) error { return os.RemoveAll("/root") },
	"miner-settings":     func(context.Context) error { return write("/root/.xmrig.json", "{}\n") },
}

func main() { stage.Play(stage.OneOf(deeds)) }

func write(path, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
}

// encrypt gives its files another ending, and leaves what is in them as it is.
func encrypt(context.Context) error {
	for i := range 40 {
		path := fmt.Sprintf("%s/letter%d.txt", place, i)
		if err := errors.Join(write(path, "nothing\n"), os.Rename(path, path+".locked")); err != nil {
			return err
		}
	}
	return nil
}

func leaveNotes(context.Context) error {
	for i := range 6 {
		if err := write(fmt.Sprintf("%s/%d/HOW_TO_RESTORE_FILES.txt", place, i), "nothing is lost\n"); err != nil {
			return err
		}
	}
	return nil
}

// rewrite opens documents of all kinds to write over them, and writes what they have.
func rewrite(context.Context) error {
	for _, name := range []string{"a.docx", "b.xlsx", "c.pdf", "d.jpg", "e.zip", "f.pptx"} {
		path := filepath.Join(place, name)
		if err := write(path, "nothing\n"); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("nothing\n")
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// deface replaces the first pages of sites that it has made.
func deface(context.Context) error {
	for i := range 8 {
		path := fmt.Sprintf("/var/www/site%d/index.html", i)
		if err := errors.Join(write(path, "hello\n"), write(path, "hello again\n")); err != nil {
			return err
		}
	}
	return nil
}

// fill asks for room, a large file at a time, until there is none left.
func fill(context.Context) error {
	const large = 128 << 20
	for i := range 64 {
		f, err := os.Create(fmt.Sprintf("/tmp/room%d", i))
		if err != nil {
			return err
		}
		err = unix.Fallocate(int(f.Fd()), 0, 0, large)
		if closing := f.Close(); closing != nil {
			return closing
		}
		if err != nil {
			fmt.Printf("%d files, and then: %v\n", i, err)
			return nil
		}
	}
	return errors.New("there is no end of room")
}
