package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
)

// shape is what a reader of Markdown, with the extensions of GitHub, makes of a text.
type shape struct {
	rows, headings, items int
	// strange is what has no place in what we write.
	strange []string
	// plain is text outside of code.
	plain []string
	code  []string
}

func shapeOf(t testing.TB, doc []byte) (s shape) {
	t.Helper()
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	err := ast.Walk(parser.Parse(text.NewReader(doc)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			s.headings++
		case *ast.ListItem:
			s.items++
		case *east.TableRow:
			s.rows++
		case *ast.CodeSpan:
			s.code = append(s.code, string(n.Text(doc))) //nolint:staticcheck // the span's own text is what is wanted
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			s.plain = append(s.plain, string(n.Segment.Value(doc)))
		case *ast.Link:
			u := string(n.Destination)
			if !strings.HasPrefix(u, "https://nvd.nist.gov/vuln/detail/CVE-") && !strings.HasPrefix(u, "https://github.com/advisories/GHSA-") {
				s.strange = append(s.strange, "link to "+u)
			}
		case *ast.Emphasis, *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.List, *east.Table, *east.TableHeader, *east.TableCell:
		default:
			s.strange = append(s.strange, n.Kind().String())
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMarkdownInjection holds a summary of nasty strings to the parts that one of
// harmless strings has, and to no others.
func TestMarkdownInjection(t *testing.T) {
	for _, many := range []bool{false, true} {
		o := report.Options{Many: many}
		want := shapeOf(t, write(t, report.Markdown, o, poisoned("harmless")))
		for _, s := range []string{
			markup, "|", "`", "``` x", "`` `", "\\", "\\|", "\\`", "a`|`b", "<script>", "<!--", "&lt;", "](x)", "# x", "- x", "1. x", "> x", "---", "***", "~~~", "$x$",
			"[x]: http://e.example", "[^1]", "- [ ] x", "http://e.example", "www.e.example", "a@e.example", "@someone", "#12", "GH-12", ":tada:", "\n\n# x", "\r# x", "\u2028# x",
			"    x", "\tx", " ", "", "x  \n| --- |", "<details><summary>", "![](x)", "<https://e.example>", "<a href=\"`\">`", strings.Repeat("`", 500), strings.Repeat("|", 500),
		} {
			got := shapeOf(t, write(t, report.Markdown, o, poisoned(s)))
			for _, odd := range got.strange {
				t.Errorf("%q becomes %s", s, odd)
			}
			if s != "" && (got.rows != want.rows || got.headings != want.headings || got.items != want.items) {
				t.Errorf("%q: %d rows, %d headings, %d items, want %d, %d, %d", s, got.rows, got.headings, got.items, want.rows, want.headings, want.items)
			}
			for _, plain := range got.plain {
				if strings.ContainsAny(plain, "@#<>[]$`|&~^") {
					t.Errorf("%q is outside of code in %q", s, plain)
				}
			}
		}
	}
}

// TestMarkdownBounds holds a summary to the room of a comment, and to counting what it
// leaves out.
func TestMarkdownBounds(t *testing.T) {
	r := large(100, 1300)
	for i := range 50 {
		f := r.Findings[0]
		f.ID, f.Title = fmt.Sprintf("a/%d", i), strings.Repeat("long | `", 5000)
		r.Findings = append(r.Findings, f)
	}
	r.Coverage.Gaps = make([]string, 100)
	for i := range r.Coverage.Gaps {
		r.Coverage.Gaps[i] = strings.Repeat("gap ", 500)
	}
	out := string(write(t, report.Markdown, report.Options{}, r))
	if len(out) > 60_000 {
		t.Errorf("%d bytes, more than a comment has room for", len(out))
	}
	for _, want := range []string{"1300 high", "and 1280 more", "- and 43 more", "- and 92 more"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestMarkdownNoDatabase holds a summary to saying that nothing was looked for.
func TestMarkdownNoDatabase(t *testing.T) {
	r := miner()
	r.Stages = append(r.Stages, detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped, Reason: "there is no database: run detonaut db update"})
	out := string(write(t, report.Markdown, report.Options{}, r))
	if !strings.Contains(out, "**Vulnerabilities:** not looked for: there is no database: run detonaut db update") {
		t.Errorf("got\n%s", out)
	}
}
