package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/report/difference"
	"github.com/detonaut/detonaut/internal/store"
)

// exported adds what else can be had of reports.
func (a *API) exported() {
	register(a, operation{
		id: "export-report", tag: "reports", method: http.MethodGet, path: "/reports/{digest}/exports/{format}", scope: store.ScopeRead,
		summary: "Export a report", description: "A report in another format (docs/formats.md).",
		errors: []int{http.StatusNotFound}, responses: fileResponse("The report in that format.", "*/*"),
	}, a.export)
	register(a, operation{
		id: "list-artifacts", tag: "reports", method: http.MethodGet, path: "/reports/{digest}/artifacts", scope: store.ScopeRead,
		summary: "List the artifacts of a run", description: "What is kept of the run of a report beside it, and where it is. Packets, bodies and payloads need the scope download; " +
			"bodies and payloads, which may be malware, come in a zip archive that is encrypted with AES and the password infected.",
		errors: []int{http.StatusNotFound},
	}, a.artifacts)
	register(a, operation{
		id: "compare-reports", tag: "reports", method: http.MethodGet, path: "/compare", scope: store.ScopeRead,
		summary: "Compare two images", description: "What one image does and holds that the other does not, by their newest reports or those of fingerprints.",
		errors: []int{http.StatusNotFound},
	}, a.compare)
}

// formatName is the name of a format of reports, of which the description lists all.
type formatName string

// Schema describes it.
func (formatName) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, f := range report.Formats() {
		if _, ok := exports()[f]; ok {
			s.Enum = append(s.Enum, string(f))
		}
	}
	return s
}

type exportInput struct {
	Analysis
	Format formatName `path:"format"`
}

// fileOutput is an answer that is no JSON of ours.
type fileOutput struct {
	Type        string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) export(ctx context.Context, in *exportInput) (*fileOutput, error) {
	e, err := a.o.Store.Get(ctx, in.digest(), in.Fingerprint)
	if err != nil {
		return nil, err
	}
	format := report.Format(in.Format)
	f := exports()[format]
	var b bytes.Buffer
	w, err := report.New(format, &b, report.Options{})
	if err != nil {
		return nil, err
	}
	if err := w.Write(e.Report); err != nil {
		return nil, fmt.Errorf("write %s: %w", format, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write %s: %w", format, err)
	}
	return &fileOutput{Type: f.media, Disposition: attachment(in.digest(), f.suffix), Body: b.Bytes()}, nil
}

// exported is how a format of reports is sent.
type exported struct{ media, suffix string }

func exports() map[report.Format]exported {
	return map[report.Format]exported{
		report.JSON:       {"application/json", ".json"},
		report.CycloneDX:  {"application/vnd.cyclonedx+json; version=1.6", ".cdx.json"},
		report.SPDX:       {"application/spdx+json", ".spdx.json"},
		report.SARIF:      {"application/sarif+json", ".sarif"},
		report.JUnit:      {"application/xml", ".junit.xml"},
		report.Markdown:   {"text/markdown; charset=utf-8", ".md"},
		report.Indicators: {"text/plain; charset=utf-8", ".indicators.txt"},
		report.CSV:        {"text/csv; charset=utf-8", ".indicators.csv"},
		report.STIX:       {"application/stix+json;version=2.1", ".stix.json"},
		report.MISP:       {"application/json", ".misp.json"},
		report.Table:      {"text/plain; charset=utf-8", ".txt"},
	}
}

// attachment names a file by the digest of its image, of which nothing has to be quoted.
func attachment(d detonaut.Digest, suffix string) string {
	_, sum, _ := strings.Cut(string(d), ":")
	return fmt.Sprintf(`attachment; filename="detonaut-%.12s%s"`, sum, suffix)
}

// fileResponse describes an answer that is a file.
func fileResponse(what, media string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: what, Content: map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
}

// Artifact is a file that is kept of a run.
type Artifact struct {
	Name   string `json:"name" example:"tape.jsonl.zst"`
	SHA256 string `json:"sha256"`
	Path   string `json:"path" doc:"Where it is, on this server."`
}

// Artifacts are those of one report.
type Artifacts struct {
	Items []Artifact `json:"items" nullable:"false"`
}

type artifactsOutput struct{ Body Artifacts }

func (a *API) artifacts(ctx context.Context, in *Analysis) (*artifactsOutput, error) {
	e, err := a.o.Store.Get(ctx, in.digest(), in.Fingerprint)
	if err != nil {
		return nil, err
	}
	out := &artifactsOutput{Artifacts{[]Artifact{}}}
	if a.o.Blobs == nil {
		return out, nil
	}
	for name, sum := range e.Blobs {
		path := "/image/" + in.Digest + "/download/" + name
		if strings.Contains(name, "/") { // a payload or a body
			path += ".zip"
		}
		if in.Fingerprint != "" {
			path += "?" + url.Values{"fingerprint": {in.Fingerprint}}.Encode()
		}
		out.Body.Items = append(out.Body.Items, Artifact{Name: name, SHA256: sum, Path: path})
	}
	slices.SortFunc(out.Body.Items, func(a, b Artifact) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

type compareInput struct {
	A  string `query:"a" required:"true" pattern:"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" doc:"The digest of one image."`
	B  string `query:"b" required:"true" pattern:"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" doc:"That of the other."`
	AF string `query:"a_fingerprint" maxLength:"64" pattern:"^[0-9a-f]*$" doc:"The fingerprint of the report of a; without one it is the newest."`
	BF string `query:"b_fingerprint" maxLength:"64" pattern:"^[0-9a-f]*$" doc:"That of the report of b."`
}

type compareOutput struct{ Body *difference.Difference }

func (a *API) compare(ctx context.Context, in *compareInput) (*compareOutput, error) {
	was, err := a.o.Store.Get(ctx, detonaut.Digest(in.A), in.AF)
	if err != nil {
		return nil, err
	}
	is, err := a.o.Store.Get(ctx, detonaut.Digest(in.B), in.BF)
	if err != nil {
		return nil, err
	}
	return &compareOutput{difference.Of(was.Report, is.Report)}, nil
}
