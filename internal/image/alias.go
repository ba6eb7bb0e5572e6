package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut"
)

// alias says which image the index d was found to name for platform. Because
// digests never change their meaning, neither does an alias. It is empty if
// that is not known.
func (c *cache) alias(d detonaut.Digest, platform string) detonaut.Digest {
	target, err := os.Readlink(c.aliasPath(d, platform))
	if err != nil || !hexRE.MatchString(target) {
		return ""
	}
	return detonaut.Digest("sha256:" + target)
}

// setAlias records that the index d names image for platform.
func (c *cache) setAlias(d detonaut.Digest, platform string, image detonaut.Digest) error {
	err := os.Symlink(digestHex(image), c.aliasPath(d, platform))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("note platform of index: %w", err)
	}
	return nil
}

func (c *cache) aliasPath(d detonaut.Digest, platform string) string {
	return filepath.Join(c.dir, digestHex(d)+"."+strings.ReplaceAll(platform, "/", "-"))
}

// dropAliases removes the aliases of images that are no longer cached.
func (c *cache) dropAliases() error {
	names, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("list image cache: %w", err)
	}
	for _, n := range names {
		path := filepath.Join(c.dir, n.Name())
		if n.Type()&fs.ModeSymlink == 0 {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove alias: %w", err)
			}
		}
	}
	return nil
}

// digestHex is the hex of a digest, which names the files of the cache.
func digestHex(d detonaut.Digest) string { return strings.TrimPrefix(string(d), "sha256:") }

// writeSync writes a file and brings it to the disk.
func writeSync(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir brings the names in a directory to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
