// Command typist types what an intruder would. Its argument names the scene; what
// it starts are props, which do nothing.
//
// Rule: those that look at command lines, by the names of the scenes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/detonaut/detonaut/actors/script"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(perform) }

func perform(ctx context.Context) error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s SCENE", os.Args[0])
	}
	scene, ok := script.All()[os.Args[1]]
	if !ok {
		return fmt.Errorf("no scene %q", os.Args[1])
	}
	for _, name := range scene.Files {
		err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("nothing\n"), 0o600))
		if err != nil {
			return err
		}
	}
	for _, line := range scene.Lines {
		words := script.Words(line)
		if err := exec.CommandContext(ctx, words[0], words[1:]...).Run(); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		fmt.Println(line)
	}
	return nil
}
