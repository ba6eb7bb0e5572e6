//go:build linux

// Player stands in for detonaut-chamber: it runs nothing, and plays the tape that is named in
// the environment of the plan. What names none it has the real chamber run. So a survey of
// thousands of images goes through all of the product, and a sample of it through gVisor.
//
// What it needs to know is in variables whose names the chamber is given:
//
//	DETONAUT_CHAMBER_REAL    the real chamber
//	DETONAUT_CHAMBER_TAPES   a directory with NAME.tape and NAME.artifacts, as zstd
//	DETONAUT_CHAMBER_LOG     a file to which the digest of each run is added
//	DETONAUT_CHAMBER_RECORD  a file without extension: the real chamber runs, and is recorded there
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/detonate/fake"
)

// variable names the tape.
const variable = "HUB_TAPE="

// artifactsFD is where artifacts go if they are wanted.
const artifactsFD = 3

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "player:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[1] == "version" {
		fmt.Println(version.String())
		return nil
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	if err := note(p.Digest); err != nil {
		return err
	}
	wanted := slices.Contains(args, "-artifacts")
	var kinds artifact.Kinds
	if at := slices.Index(args, "-want"); at >= 0 && at+1 < len(args) {
		if kinds, err = artifact.ParseKinds(args[at+1]); err != nil {
			return err
		}
	}
	if file := os.Getenv("DETONAUT_CHAMBER_RECORD"); file != "" {
		return record(args[1:], text, wanted, file)
	}
	for _, v := range p.Env {
		if name, ok := strings.CutPrefix(v, variable); ok {
			return play(p, filepath.Join(os.Getenv("DETONAUT_CHAMBER_TAPES"), filepath.Base(name)), kinds)
		}
	}
	return become(args, text)
}

// note adds a line to the log; one write is one line, whoever writes beside it.
func note(digest string) error {
	name := os.Getenv("DETONAUT_CHAMBER_LOG")
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(digest + "\n")
	return errors.Join(err, f.Close())
}

// play writes what was recorded, under another plan.
func play(p plan.Plan, file string, wanted artifact.Kinds) error {
	if wanted != 0 {
		if err := playArtifacts(file+".artifacts", wanted); err != nil {
			return err
		}
	}
	sandbox := &fake.Sandbox{Path: file + ".tape"}
	out := tape.NewEncoder(os.Stdout)
	_, err := sandbox.Run(context.Background(), p, out, nil)
	return err
}

// playArtifacts writes what is wanted of what was recorded.
func playArtifacts(file string, wanted artifact.Kinds) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	zr, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer zr.Close()
	pipe := os.NewFile(artifactsFD, "artifacts")
	out := artifact.NewWriter(pipe, artifact.DefaultLimits().Only(wanted))
	err = artifact.Read(zr, chosen{out, wanted}, artifact.DefaultLimits())
	return errors.Join(err, out.Close(), pipe.Close())
}

// chosen takes what is wanted.
type chosen struct {
	*artifact.Writer
	wanted artifact.Kinds
}

func (c chosen) Capture(b []byte) error {
	if c.wanted&artifact.Captures == 0 {
		return nil
	}
	_, err := c.Writer.Capture().Write(b)
	return err
}

func (c chosen) Record(b []byte) error {
	if c.wanted&artifact.Records == 0 {
		return nil
	}
	_, err := c.Writer.Record().Write(b)
	return err
}

func (c chosen) Blob(b []byte) error {
	if c.wanted&artifact.Bodies == 0 {
		return nil
	}
	return c.Writer.Blob(b)
}

func (c chosen) Payload(b []byte) error {
	if c.wanted&artifact.Payloads == 0 {
		return nil
	}
	return c.Writer.Payload(sha256.Sum256(b), b)
}

// become is the real chamber from now on, with the same plan.
func become(args []string, text []byte) error {
	fd, err := unix.MemfdCreate("plan", 0)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, text); err != nil {
		return err
	}
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return err
	}
	if err := unix.Dup3(fd, 0, 0); err != nil {
		return err
	}
	return syscall.Exec(os.Getenv("DETONAUT_CHAMBER_REAL"), args, os.Environ())
}

// record has the real chamber run, and keeps what it says beside handing it on.
func record(args []string, text []byte, wanted bool, file string) error {
	cmd := exec.Command(os.Getenv("DETONAUT_CHAMBER_REAL"), args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	said, err := keep(file+".tape", os.Stdout)
	if err != nil {
		return err
	}
	cmd.Stdout = said
	if !wanted {
		return errors.Join(cmd.Run(), said.Close())
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{w}
	left, err := keep(file+".artifacts", os.NewFile(artifactsFD, "artifacts"))
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = w.Close()
	_, cerr := io.Copy(left, r)
	return errors.Join(err, cerr, cmd.Wait(), said.Close(), left.Close())
}

// kept is a file that is compressed, and somebody else who gets the same.
type kept struct {
	io.Writer
	zw   *zstd.Encoder
	file *os.File
}

func keep(name string, also io.Writer) (*kept, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	zw, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return nil, err
	}
	return &kept{io.MultiWriter(zw, also), zw, f}, nil
}

func (k *kept) Close() error { return errors.Join(k.zw.Close(), k.file.Close()) }
