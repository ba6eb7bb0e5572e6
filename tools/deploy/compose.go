package main

import (
	"context"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

// composeFile reads a file of Docker Compose, with the variables of the environment.
func composeFile(args []string) (any, error) {
	o, err := cli.NewProjectOptions(args[:1], cli.WithName("detonaut"), cli.WithEnv(os.Environ()), cli.WithResolvedPaths(false), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return o.LoadProject(context.Background())
}
