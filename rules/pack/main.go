// Command pack makes an archive of files to be carried by a program: "go generate ./rules"
// and "go generate ./docs".
//
// They are put into the program compressed. Rules name what they look for, documents as well,
// and a program that carries them as they are would be taken for all of that.
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
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: pack ARCHIVE EXTENSION DIR...")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintf(os.Stderr, "pack: %v\n", err)
		os.Exit(1)
	}
}

// run packs the files of an extension that are below dirs.
func run(archive, extension string, dirs []string) error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	dir := os.DirFS(".")
	for _, part := range dirs {
		err := fs.WalkDir(dir, part, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != extension {
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
	return os.WriteFile(archive, b.Bytes(), 0o644)
}
