package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// root is the root of an image in the making.
type root struct {
	dir    string
	status strings.Builder // of dpkg
}

// install unpacks a package and tells dpkg of it, as installing does, without running
// anything.
func (r *root) install(ctx context.Context, deb string) error {
	if err := unpack(ctx, deb, r.dir); err != nil {
		return err
	}
	control, err := exec.CommandContext(ctx, "dpkg-deb", "-f", deb).Output()
	if err != nil {
		return fmt.Errorf("read %s: %w", deb, err)
	}
	fmt.Fprintf(&r.status, "%sStatus: install ok installed\n\n", control)
	files, err := exec.CommandContext(ctx, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -t`, "sh", deb).Output()
	if err != nil {
		return fmt.Errorf("list %s: %w", deb, err)
	}
	var names strings.Builder
	for name := range strings.Lines(string(files)) {
		if name = strings.TrimPrefix(strings.TrimRight(name, "/\n"), "."); name != "" {
			fmt.Fprintln(&names, name)
		}
	}
	info := filepath.Join(r.dir, "var/lib/dpkg/info")
	if err := os.MkdirAll(info, 0o755); err != nil {
		return err
	}
	name, _, _ := strings.Cut(filepath.Base(deb), "_")
	if err := os.WriteFile(filepath.Join(info, name+".list"), []byte(names.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "var/lib/dpkg/status"), []byte(r.status.String()), 0o644)
}

func unpack(ctx context.Context, deb, dir string) error {
	out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("unpack %s: %w: %s", deb, err, out)
	}
	return nil
}

// copyTo puts the files of a package where nobody expects them, without its papers: the
// programs under other names, and the rest in its order.
func copyTo(ctx context.Context, deb, dir string) error {
	from := filepath.Join(dir, "from")
	if err := unpack(ctx, deb, from); err != nil {
		return err
	}
	for _, paper := range []string{"usr/share/doc", "usr/share/man", "usr/share/metainfo", "usr/share/applications"} {
		if err := os.RemoveAll(filepath.Join(from, paper)); err != nil {
			return err
		}
	}
	n := 0
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode()&0o111 == 0 {
			return err
		}
		n++
		return os.Rename(p, filepath.Join(filepath.Dir(p), fmt.Sprintf("run%d", n)))
	})
	if err != nil {
		return err
	}
	return os.Rename(from, filepath.Join(dir, "opt"))
}
