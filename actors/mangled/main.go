// Command mangled writes a program that says to start where it has no code, as
// those do which are to break whoever examines them, and deletes it. It does not
// run it: nothing could.
//
// Analyzer: program. Rule: none.
package main

import (
	"context"
	"os"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

const path = "/tmp/.mangled"

// entry is where a header of ELF has the address at which a program starts.
const entry = 24

func main() { stage.Play(drop) }

func drop(context.Context) error {
	program, err := payload.Program("mangled")
	if err != nil {
		return err
	}
	clear(program[entry : entry+8])
	program[entry] = 1
	if err := os.WriteFile(path, program, 0o600); err != nil {
		return err
	}
	payload.Tell("deleted", program)
	return os.Remove(path)
}
