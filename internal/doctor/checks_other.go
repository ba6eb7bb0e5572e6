//go:build !linux

package doctor

import (
	"context"
	"runtime"
)

func all() []func(context.Context, Options) Check {
	return []func(context.Context, Options) Check{platform, chamber}
}

func platform(context.Context, Options) Check {
	return Check{
		Name: "platform", Status: Fail, Detail: runtime.GOOS + "/" + runtime.GOARCH,
		Remedy: "images can be run on Linux only; stored tapes can be judged here with detonaut replay",
	}
}
