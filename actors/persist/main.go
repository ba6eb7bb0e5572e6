// Command persist plants itself where a machine would start it again: its
// argument names the place.
//
// Rule: persistence/cron, service-unit, login-script, ssh-key or preload.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/detonaut/detonaut/actors/stage"
)

// A place is a file that makes a machine start something.
type place struct {
	path, text string
	mode       os.FileMode
}

// The lines start a program that does not exist; the key is none.
var places = map[string]place{
	"cron":    {"/etc/cron.d/updater", "* * * * * root /usr/local/bin/no-such-program\n", 0o644},
	"unit":    {"/etc/systemd/system/updater.service", "[Service]\nExecStart=/usr/local/bin/no-such-program\n[Install]\nWantedBy=multi-user.target\n", 0o644},
	"profile": {"/root/.bashrc", "/usr/local/bin/no-such-program &\n", 0o644},
	"keys":    {"/root/.ssh/authorized_keys", "ssh-ed25519 not-a-key nobody@invalid\n", 0o600},
	"preload": {"/etc/ld.so.preload", "/usr/local/lib/no-such-library.so\n", 0o644},
}

func main() { stage.Play(persist) }

func persist(context.Context) error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s PLACE", os.Args[0])
	}
	p, ok := places[os.Args[1]]
	if !ok {
		return fmt.Errorf("no place %q", os.Args[1])
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, p.mode)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(p.text); err != nil {
		return err
	}
	return f.Close()
}
