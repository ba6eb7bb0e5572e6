package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// run shows what the subject did.
func (p *page) run(r *detonaut.Run) {
	p.section("What it did")
	p.printf("  ran %s\n", cut(quoteArgs(r.Command), maxText))
	p.printf("  for %s, using %s of processor time and %s of memory\n", lasted(r), seconds(r.CPU), bytesText(r.MaxMemory))
	p.printf("  %s\n", ended(r))
	if s := p.network(r); s != "" {
		p.printf("  %s\n", s)
	}

	p.section("Processes")
	p.processes(r.Processes)

	var rows []string
	for _, l := range r.Listeners {
		rows = append(rows, fmt.Sprintf("%s %s  by process %d", Escape(l.Network), Escape(l.Address), l.PID))
	}
	p.list("Listens at", rows)

	p.traffic(r)
	p.payloads(r)
	p.list("Wrote files", escapeAll(r.FilesWritten))
	p.list("Deleted files", escapeAll(r.FilesDeleted))
	p.list("Not listed", escapeAll(r.Notes))
	if out := strings.TrimRight(r.Output, "\n"); out != "" {
		p.list("Printed", escapeAll(strings.Split(out, "\n")))
	}
}

// lasted says how long a run was.
func lasted(r *detonaut.Run) string {
	if r.Simulated == 0 {
		return seconds(r.Elapsed)
	}
	return fmt.Sprintf("%s, or %s by its own clocks", seconds(r.Elapsed), r.Simulated.Round(time.Second))
}

// ended says how a run ended.
func ended(r *detonaut.Run) string {
	s := "ended: " + Escape(r.EndReason)
	switch {
	case r.Signal != "":
		s += " by " + Escape(r.Signal)
	case r.EndReason == "exited":
		s += fmt.Sprintf(" with status %d", r.ExitCode)
	}
	if r.EndDetail != "" {
		s += ": " + cut(Escape(r.EndDetail), maxText)
	}
	return s
}

// list shows a bounded list of escaped lines under a heading; nothing if it is
// empty.
func (p *page) list(heading string, rows []string) {
	if len(rows) == 0 {
		return
	}
	p.section(heading)
	for i, row := range rows {
		if i == maxRows {
			p.printf("  and %d more\n", len(rows)-i)
			return
		}
		p.printf("  %s\n", cut(row, maxText))
	}
}

func escapeAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = Escape(s)
	}
	return out
}

// processes shows the process tree. The list comes from a tape, so it may say
// that a process is its own ancestor, or name one parent for thousands: each
// process is shown once, and those without a known parent are roots.
func (p *page) processes(all []detonaut.Process) {
	known := make(map[int32]bool, len(all))
	for _, proc := range all {
		known[proc.PID] = true
	}
	children := map[int32][]int{}
	var roots []int
	for i, proc := range all {
		if known[proc.Parent] && proc.Parent != proc.PID {
			children[proc.Parent] = append(children[proc.Parent], i)
		} else {
			roots = append(roots, i)
		}
	}
	byStart := func(a, b int) int {
		return cmp.Or(cmp.Compare(all[a].Start, all[b].Start), cmp.Compare(all[a].PID, all[b].PID))
	}
	// Without recursion: the depth is the subject's choice.
	type node struct{ index, depth int }
	var stack []node
	push := func(list []int, depth int) {
		slices.SortStableFunc(list, byStart)
		for _, i := range slices.Backward(list) {
			stack = append(stack, node{i, depth})
		}
	}
	push(roots, 0)
	shown := make([]bool, len(all))
	rows := 0
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if shown[n.index] {
			continue
		}
		shown[n.index] = true
		if rows++; rows <= maxTreeRows {
			p.process(all[n.index], n.depth)
		}
		pid := all[n.index].PID
		push(children[pid], n.depth+1)
		delete(children, pid) // numbers are used again; children are shown once
	}
	if rows > maxTreeRows {
		p.printf("  and %d more\n", rows-maxTreeRows)
	}
	if left := len(all) - rows; left > 0 {
		p.printf("  and %d whose parents are unknown\n", left)
	}
}

func (p *page) process(proc detonaut.Process, depth int) {
	indent := strings.Repeat("  ", min(depth, 12))
	line := Escape(proc.Executable)
	if len(proc.Args) > 0 {
		line = quoteArgs(proc.Args)
		if proc.Args[0] != proc.Executable && proc.Executable != "" {
			line = Escape(proc.Executable) + ": " + line
		}
	}
	if line == "" {
		line = "(no program)"
	}
	var facts []string
	if proc.UID != 0 {
		facts = append(facts, fmt.Sprintf("uid %d", proc.UID))
	}
	switch proc.Origin {
	case "", "image":
	case "written":
		facts = append(facts, "written at run time")
	default:
		facts = append(facts, "from "+Escape(proc.Origin))
	}
	switch proc.Exit {
	case "":
		facts = append(facts, "ran to the end")
	case "0":
	default:
		facts = append(facts, "exit "+Escape(proc.Exit))
	}
	p.printf("  %s%d  %s", indent, proc.PID, cut(line, maxText))
	if len(facts) > 0 {
		p.printf("  (%s)", strings.Join(facts, ", "))
	}
	p.printf("\n")
}
