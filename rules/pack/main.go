// Command pack makes rules.zip of the rules that lie around it: "go generate ./rules".
//
// They are put into the program compressed. Rules name what they look for, and a program
// that carries them as they are would be taken for all of that.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/detonaut/detonaut/rules"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "pack: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	dir := os.DirFS(".")
	for _, part := range rules.Parts() {
		err := fs.WalkDir(dir, part, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
				return err
			}
			text, err := fs.ReadFile(dir, name)
			if err != nil {
				return err
			}
			f, err := w.Create(name)
			if err == nil {
				_, err = f.Write(text)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile("rules.zip", b.Bytes(), 0o644)
}
