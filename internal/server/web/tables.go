package web

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/indicator"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// tables makes the tables of a report.
type tables struct {
	sub *subject
	r   *detonaut.Report
	run *detonaut.Run
}

// tableOf is a table with a row for each of a list.
func tableOf[T any](name, title string, columns []string, all []T, row func(*T) []cell) table {
	return table{name: name, title: title, columns: columns, len: len(all), row: func(i int) []cell { return row(&all[i]) }}
}

func plain(text string) cell { return cell{Text: text} }

func number[N int | int32 | int64 | uint32 | uint64](n N) cell {
	return cell{Text: fmt.Sprint(n)}
}

// event is the number of an event, which is on a page of its own if the tape is kept.
func (t *tables) event(seq uint64) cell {
	if seq == 0 {
		return cell{}
	}
	c := cell{Text: strconv.FormatUint(seq, 10)}
	if _, taped := t.sub.Blobs[tapeBlob]; taped {
		c.Href = page.EventPath(t.sub.Digest, t.sub.Fixed, seq)
	}
	return c
}

// pivot is a value that leads to the images that have it, if it can be a fact.
func pivotCell(k store.Kind, text, value string) cell {
	c := cell{Text: text}
	if clean, ok := fact.Clean(k, value); ok {
		c.Href = page.FactPath(k, clean)
	}
	return c
}

// host is a name or an address, with a port or without.
func hostCell(text string) cell {
	host := text
	if h, _, err := net.SplitHostPort(text); err == nil {
		host = h
	}
	if net.ParseIP(host) != nil {
		return pivotCell(store.IP, text, host)
	}
	return pivotCell(store.Domain, text, host)
}

func hash(sum string) cell { return pivotCell(store.SHA256, sum, sum) }

// findings are those that are neither about secrets nor about the configuration.
func (t *tables) findings() []table {
	return []table{t.findingTable("Findings", func(id string) bool {
		return !strings.HasPrefix(id, secretRules) && !strings.HasPrefix(id, configRules)
	})}
}

func (t *tables) secrets() []table {
	return []table{t.findingTable("Secrets", func(id string) bool { return strings.HasPrefix(id, secretRules) })}
}

// What the ids of some findings begin with.
const (
	secretRules = "secret/"
	configRules = "config/"
)

// findingTable is a table of the findings whose ids are wanted.
func (t *tables) findingTable(title string, wanted func(id string) bool) table {
	all := slices.DeleteFunc(slices.Clone(t.r.Findings), func(f detonaut.Finding) bool { return !wanted(f.ID) })
	return tableOf("findings", title, []string{"Severity", "Finding", "Rule", "Confidence", "Category", "Techniques", "Count", "Evidence", "Event"}, all, func(f *detonaut.Finding) []cell {
		evidence, event := "", uint64(0)
		if len(f.Evidence) > 0 {
			e := f.Evidence[0]
			evidence = strings.TrimSpace(e.Path + " " + e.Summary)
			if len(e.Events) > 0 {
				event = e.Events[0]
			}
		}
		title := f.Title
		if f.Suppressed != nil {
			title += " (suppressed: " + f.Suppressed.Reason + ")"
		}
		return []cell{
			{Severity: f.Severity},
			plain(title),
			{Text: f.ID, Href: page.RulePath(f.ID)},
			plain(string(f.Confidence)), plain(string(f.Category)),
			plain(strings.Join(f.Techniques, " ")), number(f.Count), plain(evidence), t.event(event),
		}
	})
}

func (t *tables) processes() []table {
	return []table{tableOf("processes", "Processes", []string{"Process", "Parent", "Executable", "Arguments", "Origin", "User", "Exit", "Event"}, t.run.Processes, func(p *detonaut.Process) []cell {
		return []cell{
			number(p.PID), number(p.Parent), plain(p.Executable), plain(strings.Join(p.Args, " ")), plain(p.Origin), number(p.UID), plain(p.Exit), t.event(p.Event),
		}
	})}
}

func (t *tables) network() []table {
	return []table{
		tableOf("names", "Names", []string{"Name"}, t.run.Names, func(n *string) []cell { return []cell{pivotCell(store.Domain, *n, *n)} }),
		tableOf("connections", "Connections", []string{"Network", "Address", "Name", "Protocol", "Process", "Count", "Sent", "Received", "Failure", "Event"}, t.run.Connections, func(c *detonaut.Connection) []cell {
			return []cell{
				plain(c.Network), hostCell(c.Address), hostCell(c.Name), plain(c.Protocol), number(c.PID), number(c.Count), number(c.Sent), number(c.Received),
				plain(strings.TrimSpace(c.Errno + " " + c.Refused)), t.event(c.Event),
			}
		}),
		tableOf("requests", "Requests", []string{"Method", "URL", "Status", "Answer", "Process", "Count", "Sent", "Received", "Event"}, t.run.Requests, func(r *detonaut.Request) []cell {
			return []cell{
				plain(r.Method), plain(r.URL), number(r.Status), plain(r.Answer), number(r.PID), number(r.Count), number(r.Sent), number(r.Received), t.event(r.Event),
			}
		}),
		tableOf("messages", "Messages", []string{"Protocol", "Verb", "Fields", "To", "Process", "Count", "Event"}, t.run.Messages, func(m *detonaut.Message) []cell {
			return []cell{plain(m.Protocol), plain(m.Verb), plain(fieldsText(m.Fields)), hostCell(m.Remote), number(m.PID), number(m.Count), t.event(m.Event)}
		}),
		tableOf("rejections", "Certificates that were not taken", []string{"Name", "JA4", "Process", "Count", "Event"}, t.run.Rejections, func(r *detonaut.Rejection) []cell {
			return []cell{hostCell(r.Name), pivotCell(store.Certificate, r.JA4, r.JA4), number(r.PID), number(r.Count), t.event(r.Event)}
		}),
		tableOf("listeners", "Listeners", []string{"Network", "Address", "Process", "Event"}, t.run.Listeners, func(l *detonaut.Listener) []cell {
			return []cell{plain(l.Network), plain(l.Address), number(l.PID), t.event(l.Event)}
		}),
		tableOf("baits", "Baits", []string{"Bait", "Place", "Path", "To", "Sent", "Process", "Count", "Event"}, t.run.Baits, func(b *detonaut.Bait) []cell {
			return []cell{plain(b.Name), plain(b.Place), plain(b.Path), hostCell(b.Remote), plain(strconv.FormatBool(b.Sent)), number(b.PID), number(b.Count), t.event(b.Event)}
		}),
	}
}

func fieldsText(fields map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		all = append(all, name+"="+fields[name])
	}
	return strings.Join(all, " ")
}

func (t *tables) files() []table {
	one := func(name, title string, all []string) table {
		return tableOf(name, title, []string{"Path"}, all, func(p *string) []cell { return []cell{plain(*p)} })
	}
	return []table{
		tableOf("payloads", "Payloads", []string{"SHA-256", "Size", "Type", "Why kept", "Paths", "Process"}, t.run.Payloads, func(p *detonaut.Payload) []cell {
			return []cell{hash(p.SHA256), number(p.Size), plain(p.Type), plain(strings.Join(p.Hows, ", ")), plain(strings.Join(p.Paths, " ")), number(p.PID)}
		}),
		tableOf("changes", "Changes", []string{"Change", "Path", "Type", "SHA-256", "Size", "Gives rights", "Event"}, t.run.Changes, func(c *detonaut.Change) []cell {
			return []cell{plain(c.Kind), plain(c.Path), plain(c.Type), hash(c.SHA256), number(c.Size), plain(strconv.FormatBool(c.Privileged)), t.event(c.Event)}
		}),
		tableOf("files", "Files worth knowing", []string{"Path", "Type", "SHA-256", "Size", "Use", "Layer"}, t.r.Files, func(f *detonaut.File) []cell {
			return []cell{plain(f.Path), plain(f.Type), hash(f.SHA256), number(f.Size), plain(string(f.Use)), pivotCell(store.Layer, string(f.Layer), string(f.Layer))}
		}),
		one("written", "Written", t.run.FilesWritten), one("deleted", "Deleted", t.run.FilesDeleted),
	}
}

func (t *tables) vulnerabilities() []table {
	columns := []string{"Severity", "Vulnerability", "Package", "Version", "Fixed in", "Reached", "Exploited", "EPSS", "Score", "Path"}
	row := func(v *detonaut.Vulnerability) []cell {
		return []cell{
			{Severity: v.Severity},
			pivotCell(store.CVE, v.ID, v.ID), pivotCell(store.PackageName, v.Package, v.Package), plain(v.Version), plain(strings.Join(v.Fixed, ", ")),
			plain(strconv.FormatBool(v.Reached)), plain(strconv.FormatBool(v.Exploited)), plain(strconv.FormatFloat(v.EPSS, 'f', 3, 64)),
			plain(strconv.FormatFloat(v.Score, 'f', 1, 64)), plain(v.Path),
		}
	}
	return []table{
		tableOf("vulnerabilities", "Vulnerabilities", columns, t.r.Vulnerabilities, row),
		tableOf("suppressed", "Suppressed", slices.Concat(columns, []string{"Reason"}), t.r.Suppressed, func(v *detonaut.Vulnerability) []cell {
			reason := ""
			if v.Suppressed != nil {
				reason = v.Suppressed.Reason
			}
			return append(row(v), plain(reason))
		}),
	}
}

func (t *tables) packages() []table {
	if t.r.Inventory == nil {
		return nil
	}
	return []table{tableOf("packages", "Packages", []string{"Package", "Version", "Type", "Licences", "Reached", "Hidden", "Path", "Package URL"}, t.r.Inventory.Packages, func(p *detonaut.Package) []cell {
		path, reached := "", ""
		if len(p.Locations) > 0 {
			path = p.Locations[0].Path + p.Locations[0].Within
		}
		if p.Reached != nil {
			reached = p.Reached.How
		}
		return []cell{
			pivotCell(store.PackageName, p.Name, p.Name), plain(p.Version), plain(p.Type), plain(strings.Join(p.Licenses, ", ")), plain(reached),
			plain(strconv.FormatBool(p.Hidden)), plain(path), pivotCell(store.Package, p.PURL, p.PURL),
		}
	})}
}

func (t *tables) configuration() []table {
	c := &t.r.Image.Config
	pairs := [][2]string{{"entrypoint", strings.Join(c.Entrypoint, " ")}, {"cmd", strings.Join(c.Cmd, " ")}, {"user", c.User}, {"working directory", c.WorkingDir}}
	for _, e := range c.Env {
		pairs = append(pairs, [2]string{"env", e})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		pairs = append(pairs, [2]string{"label " + name, c.Labels[name]})
	}
	return []table{
		t.findingTable("Findings about it", func(id string) bool { return strings.HasPrefix(id, configRules) }),
		tableOf("config", "Configuration", []string{"Field", "Value"}, pairs, func(p *[2]string) []cell { return []cell{plain(p[0]), plain(p[1])} }),
		tableOf("layers", "Layers", []string{"Layer", "Size", "Made by"}, t.r.Image.Layers, func(l *detonaut.Layer) []cell {
			return []cell{pivotCell(store.Layer, string(l.Digest), string(l.Digest)), number(l.Size), plain(l.CreatedBy)}
		}),
	}
}

func (t *tables) indicators() []table {
	return []table{tableOf("indicators", "Indicators", []string{"Kind", "Value"}, indicator.Of(t.r), func(i *indicator.Indicator) []cell {
		return []cell{plain(string(i.Kind)), plain(i.Value)}
	})}
}

func (t *tables) coverage() []table {
	return []table{
		tableOf("gaps", "What was missed", []string{"Gap"}, t.r.Coverage.Gaps, func(g *string) []cell { return []cell{plain(*g)} }),
		tableOf("calls", "Calls that the sandbox does not have", []string{"Call", "Count", "Event"}, t.r.Coverage.Unimplemented, func(c *detonaut.Call) []cell {
			return []cell{plain(c.Name), number(c.Count), t.event(c.Event)}
		}),
		tableOf("checks", "Looks for a sandbox", []string{"Check", "Count", "Process", "Event"}, t.r.Coverage.Checks, func(c *detonaut.Check) []cell {
			return []cell{plain(c.Name), number(c.Count), number(c.PID), t.event(c.Event)}
		}),
	}
}
