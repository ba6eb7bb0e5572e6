// Command demo makes the image of every actor, scans them all with bin/detonaut,
// checks the verdicts, and serves the results if it writes to a terminal, or with
// -serve. Run it from the root of the checkout.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
)

// jobs is how many actors run at once: most of their time they wait. Those that wait
// for days need the time of daysLater to have them go by.
const (
	jobs      = "4"
	daysLater = "90s"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wanted := flag.Bool("serve", terminal(), "serve the results")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: demo [-serve] DIR")
		os.Exit(1)
	}
	if err := demo(ctx, flag.Arg(0), *wanted); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo keeps the images and their reports in dir.
func demo(ctx context.Context, dir string, wanted bool) error {
	for _, old := range []string{"runs", "blobs", "store.db", "store.db-wal", "store.db-shm", "store.db-lock"} { // of the demo before
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return err
		}
	}
	actors := cast.All()
	if err := cast.Build(ctx, ".", dir, actors); err != nil {
		return err
	}
	var now, later []cast.Actor
	for _, a := range actors {
		if a.Waits {
			later = append(later, a)
		} else {
			now = append(now, a)
		}
	}
	err := errors.Join(
		scan(ctx, dir, "now", now, "--jobs", jobs),
		scan(ctx, dir, "later", later, "--duration", daysLater, "--profile", "time"))
	if err != nil {
		return err
	}
	fmt.Println("Every verdict is as it should be.")
	database, err := remember(ctx, dir)
	if err != nil {
		return err
	}
	return serve(ctx, database, wanted)
}

// scan scans the images of actors in dir, and checks the verdicts. The reports are in
// the file of that name.
func scan(ctx context.Context, dir, name string, actors []cast.Actor, flags ...string) error {
	reports := filepath.Join(dir, name+".jsonl")
	args := append([]string{"scan", "-o", "table", "-o", "jsonl=" + reports, "--keep", filepath.Join(dir, "runs")}, flags...)
	for _, a := range actors {
		args = append(args, "oci-dir:"+filepath.Join(dir, a.Name))
	}
	fmt.Printf("\n$ bin/detonaut %s\n\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, "bin/detonaut", args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	text, err := os.ReadFile(reports)
	if err != nil {
		return err
	}
	return check(text, actors)
}

// check compares the reports, one JSON a line in the order of actors, with what
// Detonaut must say of each.
func check(reports []byte, actors []cast.Actor) error {
	lines := bytes.Split(bytes.TrimSpace(reports), []byte("\n"))
	if len(lines) != len(actors) {
		return fmt.Errorf("%d reports of %d images", len(lines), len(actors))
	}
	var errs []error
	for i, a := range actors {
		var r detonaut.Report
		if err := json.Unmarshal(lines[i], &r); err != nil {
			return fmt.Errorf("read report of %s: %w", a.Name, err)
		}
		if r.Verdict.Word != a.Word {
			errs = append(errs, fmt.Errorf("%s is judged %s, want %s: %v", a.Name, r.Verdict.Word, a.Word, r.Verdict.Reasons))
		}
	}
	return errors.Join(errs...)
}
