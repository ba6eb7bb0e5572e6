// Command persist plants itself where a machine would start it again: its
// argument names the place.
//
// Rule: those of persistence.
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

// The lines start a program that does not exist; the key is none, and neither are the
// modules and the library.
var places = map[string]place{
	"account":   {"/etc/passwd", "updater:x:1000:1000::/:/bin/sh\n", 0o644},
	"apt":       {"/etc/apt/apt.conf.d/99updater", "DPkg::Post-Invoke {\"/usr/local/bin/no-such-program\";};\n", 0o644},
	"at":        {"/var/spool/cron/atjobs/a0000101a2b3c4", script, 0o700},
	"autostart": {"/root/.config/autostart/updater.desktop", "[Desktop Entry]\nExec=/usr/local/bin/no-such-program\n", 0o644},
	"boot":      {"/etc/rc.local", script, 0o755},
	"cron":      {"/etc/cron.d/updater", "* * * * * root /usr/local/bin/no-such-program\n", 0o644},
	"event":     {"/etc/NetworkManager/dispatcher.d/99-updater", script, 0o755},
	"group":     {"/etc/group", "sudo:x:27:updater\n", 0o644},
	"hook":      {"/srv/app/.git/hooks/post-commit", script, 0o755},
	"keys":      {"/root/.ssh/authorized_keys", "ssh-ed25519 not-a-key nobody@invalid\n", 0o600},
	"module":    {"/etc/modules-load.d/updater.conf", "no-such-module\n", 0o644},
	"motd":      {"/etc/update-motd.d/99-updater", script, 0o755},
	"package":   {"/var/lib/dpkg/info/updater.postinst", script, 0o755},
	"pam":       {"/etc/pam.d/sshd", "auth optional pam_exec.so /usr/local/bin/no-such-program\n", 0o644},
	"password":  {"/usr/lib/x86_64-linux-gnu/security/pam_updater.so", "no module\n", 0o644},
	"preload":   {"/etc/ld.so.preload", "/usr/local/lib/no-such-library.so\n", 0o644},
	"profile":   {"/root/.bashrc", "/usr/local/bin/no-such-program &\n", 0o644},
	"python":    {"/usr/lib/python3/dist-packages/updater.pth", "import no_such_module\n", 0o644},
	"sshd":      {"/etc/ssh/sshd_config.d/updater.conf", "PermitRootLogin yes\n", 0o644},
	"sudo":      {"/etc/sudoers.d/updater", "updater ALL=(ALL) NOPASSWD: ALL\n", 0o440},
	"timer":     {"/etc/systemd/system/updater.timer", "[Timer]\nOnBootSec=1min\n", 0o644},
	"udev":      {"/etc/udev/rules.d/99-updater.rules", "KERNEL==\"random\", RUN+=\"/usr/local/bin/no-such-program\"\n", 0o644},
	"unit":      {"/etc/systemd/system/updater.service", "[Service]\nExecStart=/usr/local/bin/no-such-program\n[Install]\nWantedBy=multi-user.target\n", 0o644},
	"web":       {"/var/www/html/updater.php", "<?php echo 'updater'; ?>\n", 0o644},
}

const script = "#!/bin/sh\n/usr/local/bin/no-such-program &\n"

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
