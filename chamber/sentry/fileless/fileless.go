// Package fileless gathers what a subject ran that comes from no file, so that no
// hook of a file sees it: code that it wrote into memory, and scripts that an
// interpreter read from a pipe.
//
// The hooks of package sentry tell it what happens, each on the goroutine of the
// task that makes the call; the end of a run has it keep what is still there, on
// the goroutine that ends it. What it gathers goes to package payload. It may look
// at a task that runs meanwhile, and takes what it finds.
package fileless
