package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// page is what was measured, as a part of docs/detection.md.
func (m *measurement) page() string {
	var b strings.Builder
	m.pageTools(&b)
	for _, c := range m.quiet {
		fmt.Fprintf(&b, "### %s: %d packages, %d files, %d MB\n\n", c.name, c.packages, c.files, c.bytes>>20)
		fmt.Fprintf(&b, "Found in them: %d claims that would make an image malicious, %d unwanted, %d suspicious, and %d that change nothing.\n\n",
			c.words[detonaut.Malicious], c.words[detonaut.Unwanted], c.words[detonaut.Suspicious], c.words[detonaut.Clean])
		if len(c.claims) > 0 {
			slices.Sort(c.claims)
			fmt.Fprintf(&b, "| alone it is | finding | | first in |\n|---|---|---|---|\n")
			for _, line := range c.claims {
				fmt.Fprintf(&b, "| %s\n", line)
			}
			b.WriteString("\n")
		}
	}
	if len(m.absent) > 0 {
		fmt.Fprintf(&b, "Not to be had: %s.\n\n", strings.Join(m.absent, ", "))
	}
	return b.String()
}

func (m *measurement) pageTools(b *strings.Builder) {
	var rows strings.Builder
	counts := map[string][4]int{} // found, rightly named, wrongly named, unwanted or worse
	for _, t := range m.named {
		fmt.Fprintf(&rows, "| %s | %s |", t.pkg, t.name)
		for how, o := range map[string]opinion{"installed": t.installed, "copied": t.copied} {
			n := counts[how]
			found, right, wrong := judge(t.name, o.findings)
			n[0], n[1], n[2] = n[0]+found, n[1]+right, n[2]+wrong
			if o.word.Rank() >= detonaut.Unwanted.Rank() {
				n[3]++
			}
			counts[how] = n
		}
		fmt.Fprintf(&rows, " %s | %s |\n", say(t.name, t.installed), say(t.name, t.copied))
	}
	fmt.Fprintf(b, "### %d tools\n\nA tool that administrators have, too, is named, and makes no image unwanted.\n\n| | found | rightly named | wrongly named | unwanted or worse |\n|---|---|---|---|---|\n", len(m.named))
	for _, how := range []string{"installed", "copied"} {
		n := counts[how]
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", how, n[0], n[1], n[2], n[3])
	}
	fmt.Fprintf(b, "\n| package | tool | installed | copied |\n|---|---|---|---|\n%s\n", rows.String())
}

// claims are the findings about what a file or package is: threats, and tools that are
// none in themselves.
func claims(findings []detonaut.Finding) (about []detonaut.Finding) {
	for _, f := range findings {
		if !f.Weakness && (f.Category != "" || strings.HasPrefix(f.ID, "tool/")) {
			about = append(about, f)
		}
	}
	return about
}

// names is what a finding calls the tool.
func names(f *detonaut.Finding) string {
	if name, ok := strings.CutPrefix(f.ID, "tool/"); ok {
		return name
	}
	return f.Family
}

// judge tells whether a tool was found, by any name, by its own, and by another.
func judge(name string, findings []detonaut.Finding) (found, right, wrong int) {
	for _, f := range claims(findings) {
		found = 1
		switch names(&f) {
		case name:
			right = 1
		case "":
		default:
			wrong = 1
		}
	}
	if right > 0 {
		wrong = 0
	}
	return found, right, wrong
}

func say(name string, o opinion) string {
	all := claims(o.findings)
	if len(all) == 0 {
		return "missed"
	}
	var ids []string
	for _, f := range all {
		ids = append(ids, f.ID)
	}
	word := string(o.word)
	if o.word == detonaut.Clean {
		word = "named"
	}
	if _, right, _ := judge(name, o.findings); right > 0 {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == "tool/"+name })
		return strings.TrimSpace(word + " " + strings.Join(ids, " "))
	}
	return word + " as " + strings.Join(ids, " ")
}
