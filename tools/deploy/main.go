// Command deploy reads what is in the folder of that name as those programs would that take it:
// Helm, Docker Compose, Docker and Prometheus, of which it has the readers. What is wrong is an
// error; what is right is printed as JSON, for the tests of the folder.
//
// It is a module of its own, so that nothing of this is in the project's.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: deploy chart DIR [VALUES...] | compose FILE | dockerfile FILE | rules FILE | queries FILE")
	}
	read := map[string]func([]string) (any, error){
		"chart": chart, "compose": composeFile, "dockerfile": dockerfile, "rules": rules, "queries": queries,
	}[args[0]]
	if read == nil {
		return fmt.Errorf("unknown command %q", args[0])
	}
	result, err := read(args[1:])
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
