package dataset

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// column is a column as the data dictionary has it.
type column struct{ name, kind, null, doc string }

// columns are those of a row, from its tags.
func columns(row reflect.Type) (all []column) {
	schema := parquet.SchemaOf(reflect.New(row).Interface())
	docs := map[string]string{}
	collect(row, docs)
	for _, f := range schema.Fields() {
		c := column{name: f.Name(), kind: f.Type().String(), null: "no", doc: docs[f.Name()]}
		if f.Optional() {
			c.null = "yes"
		}
		all = append(all, c)
	}
	return all
}

// collect takes the docs of columns, those of embedded structs with them.
func collect(row reflect.Type, docs map[string]string) {
	for i := range row.NumField() {
		f := row.Field(i)
		if f.Anonymous {
			collect(f.Type, docs)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		docs[name] = f.Tag.Get("doc")
	}
}

// readme is the data dictionary.
func readme(m Manifest) string {
	var b strings.Builder
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format, args...) }
	p("# What container images do: survey %s\n\n", m.Survey)
	p("Tables of a survey of container images by [Detonaut](https://github.com/detonaut/detonaut) %s, in Parquet.\n\n", code(m.Tool))
	p("- Sources: %s\n", list(m.Sources))
	p("- Repositories: %s\n- Platforms: %s\n- State: %s\n- Aim: `%s`\n", choice(m.Choice), list(m.Choice.Platforms), m.State, m.Aim)
	if m.License != "" {
		p("- License: %s\n", code(m.License))
	}
	if m.Source != "" {
		p("- Source: %s\n", code(m.Source))
	}
	p("\n`manifest.json` has the same for programs, `SHA256SUMS` checks all files: `sha256sum -c SHA256SUMS`.\n")
	p("\nNames, tags and reasons are what registries and images say; what does not print is told by its number. Times are in UTC. " +
		"How each figure is defined is told in docs/study.md of Detonaut.\n")
	p("\nTo count images, count each digest once. Of a sample, each repository stands for `weight` of them: sum up weights by repository, and take repositories, not images, for what was drawn.\n")
	for _, t := range tables() {
		rows := int64(0)
		for _, w := range m.Tables {
			if w.Name == t.name {
				rows = w.Rows
			}
		}
		p("\n## %s\n\n%s %d rows in `%s`.\n\n| column | type | null | |\n|---|---|---|---|\n", t.name, t.doc, rows, t.file())
		for _, c := range columns(t.row) {
			p("| `%s` | %s | %s | %s |\n", c.name, c.kind, c.null, c.doc)
		}
	}
	return b.String()
}

func choice(c store.Choice) string {
	if c.Sample == "" {
		return "all"
	}
	return fmt.Sprintf("a sample (%s) of %d, seed %d", c.Sample, c.Size, c.Seed)
}

func list(all []string) string {
	var texts []string
	for _, s := range all {
		texts = append(texts, code(s))
	}
	return strings.Join(texts, ", ")
}

// code is what somebody typed.
func code(s string) string { return "`" + strings.ReplaceAll(page.Plain(s, 200), "`", "'") + "`" }
