//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// A subject is one image, and what it may be told to do.
type subject struct {
	name string
	img  *image.Image
	fsys fs.FS
	// commands are the command lines of which one is chosen; the image's own is
	// always among them.
	commands [][]string
}

// programs are the subjects that are no actors: programs of the other tests, and
// what each may be told, separated by commas.
var programs = []struct{ name, commands string }{
	{"changer", "exit,stay,mounts,code,codes"},
	{"client", "hostile flood,hostile slow,hostile deaf,hostile forge,hostile datagrams,hostile names,hostile zeros,hostile bomb,hostile garbage"},
	{"hostile", "forks -,memory -,tables 2,pipes -,fill /,fill /tmp,fill /dev/shm,fill /dev,sparse /,sparse /tmp,tiny /,tiny /tmp," +
		"attributes /,deep /,prints -,opens /,opens-memory /,arguments -,processes 2,signals -,ptrace -,traced -,tracer -,large /tmp," +
		"kill-first -,deaf -,write-calls 2"},
	{"lack", "cope,give-up,child"},
	{"loser", "all,nameless,large,flood,locks"},
	{"probe", ",from-outside"},
	{"waits", "go,nanosleep,sleep-until,sleep-wall,poll,select,epoll,futex,futex-wall,timerfd,timerfd-abs,itimer,timer,sigwait,recv"},
	{"work", "exit /,sleep /,files /data,calls /,forks /,fill /,split /tmp,take /,print /,touch /,touch /tmp"},
}

// buildSubjects makes all images below dir. root is that of the checkout. The
// caller closes those that are returned, with an error too.
func buildSubjects(ctx context.Context, root, dir string) (subjects []*subject, err error) {
	layouts := filepath.Join(dir, "layouts")
	if err := cast.Build(ctx, root, layouts, cast.All()); err != nil {
		return nil, err
	}
	for _, p := range programs {
		if err := buildProgram(ctx, root, dir, p.name); err != nil {
			return nil, fmt.Errorf("build %s: %w", p.name, err)
		}
	}
	for _, a := range cast.All() {
		subjects = append(subjects, &subject{name: a.Name, commands: [][]string{nil}})
	}
	for _, p := range programs {
		s := &subject{name: p.name, commands: [][]string{nil}}
		for command := range strings.SplitSeq(p.commands, ",") {
			s.commands = append(s.commands, append([]string{"/" + p.name}, strings.Fields(command)...))
		}
		subjects = append(subjects, s)
	}
	for i, s := range subjects {
		s.img, err = image.Pull(ctx, detonaut.Ref("oci-dir:"+filepath.Join(layouts, s.name)), image.Options{CacheDir: filepath.Join(dir, "cache")})
		if err != nil {
			return subjects[:i], err
		}
		if s.fsys, err = s.img.FS(); err != nil {
			return subjects[:i+1], err
		}
	}
	return subjects, nil
}

// buildProgram makes the image of a program of the tests, with files to read.
func buildProgram(ctx context.Context, root, dir, name string) error {
	program := filepath.Join(dir, name)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./e2e/"+name)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	files := []imagetest.File{{Header: tar.Header{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o755}}}
	for i := range 200 {
		files = append(files, imagetest.File{Header: tar.Header{Name: fmt.Sprintf("data/%d", i), Mode: 0o644}, Body: bytes.Repeat([]byte{byte(i)}, 100*i)})
	}
	layer, err := imagetest.Layer(files, imagetest.Gzip)
	if err != nil {
		return err
	}
	config := v1.Config{Entrypoint: []string{"/" + name}, Env: []string{"DETONAUT_" + strings.ToUpper(name) + "=1"}}
	img, err := imagetest.New(config, v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, layer)
	if err != nil {
		return err
	}
	if img, err = imagetest.AddFile(img, "/"+name, program); err != nil {
		return err
	}
	return imagetest.WriteOCIDir(img, filepath.Join(dir, "layouts", name))
}
