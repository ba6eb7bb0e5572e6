// Command backup packs the home of root into a file of its own machine, as tar
// would. It is well-behaved, and sends nothing.
//
// Rule: credential-access/planted-credential-copied, and that is all.
package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"os"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(backup) }

func backup(context.Context) error {
	if err := os.Mkdir("/backup", 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile("/backup/root.tar.gz", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	compressor := gzip.NewWriter(f)
	w := tar.NewWriter(compressor)
	return errors.Join(w.AddFS(os.DirFS("/root")), w.Close(), compressor.Close(), f.Close())
}
