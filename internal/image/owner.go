package image

import (
	"fmt"
	"os"

	"github.com/detonaut/detonaut"
)

// own makes sure that nobody but user can write to the cache. Whoever can
// decides what is found in an image: a directory that another one made in our
// name, where both may write, is not taken.
func (c *cache) own(user int) error {
	fi, err := os.Lstat(c.dir)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("%s is no directory: %w", c.dir, detonaut.ErrUsage)
	}
	if id := owner(fi); id != user {
		return fmt.Errorf("%s belongs to user %d, and this is user %d: choose another directory: %w", c.dir, id, user, detonaut.ErrUsage)
	}
	return os.Chmod(c.dir, 0o700)
}
