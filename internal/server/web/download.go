package web

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// download is something that can be had of a report.
type download struct {
	// name is the last part of its path, and of the file that it becomes.
	name string
	text string
	kind string // media type
	// blob is the artifact that it is; write makes it of the report otherwise.
	blob  string
	write func(io.Writer, *subject) error
	// locked is set for what only who holds a key may have.
	locked bool
	// export is set for what other programs take in.
	export bool
	// has tells whether there is such a thing of a report; nil if always.
	has func(*subject) bool
}

// downloads lists what can be had of a report, besides payloads and bodies.
func downloads() []download {
	inventory := func(sub *subject) bool { return sub.Report.Inventory != nil }
	return []download{
		{name: "report.json", text: "Report (JSON)", kind: "application/json", write: written(report.JSON)},
		{name: "sbom.cyclonedx.json", text: "Bill of materials (CycloneDX)", kind: "application/vnd.cyclonedx+json", write: written(report.CycloneDX), has: inventory},
		{name: "sbom.spdx.json", text: "Bill of materials (SPDX)", kind: "application/spdx+json", write: written(report.SPDX), has: inventory},
		{name: "report.sarif.json", text: "Findings (SARIF)", kind: "application/sarif+json", write: written(report.SARIF)},
		{name: "indicators.txt", text: "Indicators (defanged text)", kind: "text/plain; charset=utf-8", write: written(report.Indicators), export: true},
		{name: "indicators.csv", text: "Indicators (CSV)", kind: "text/csv; charset=utf-8", write: written(report.CSV), export: true},
		{name: "indicators.stix.json", text: "Indicators (STIX 2.1)", kind: "application/stix+json;version=2.1", write: written(report.STIX), export: true},
		{name: "indicators.misp.json", text: "Indicators (MISP)", kind: "application/json", write: written(report.MISP), export: true},
		{name: tapeBlob, text: "Tape (JSON Lines, zstd)", kind: "application/zstd", blob: tapeBlob},
		{name: "network.pcapng", text: "Packets (pcapng)", kind: "application/vnd.tcpdump.pcap", blob: "network.pcapng", locked: true},
		{name: "network.har", text: "HTTP exchanges (HAR)", kind: "application/json", blob: "network.har", locked: true},
	}
}

// written writes a report in one of its formats.
func written(f report.Format) func(io.Writer, *subject) error {
	return func(w io.Writer, sub *subject) error {
		rw, err := report.New(f, w, report.Options{})
		if err != nil {
			return err
		}
		if err := rw.Write(sub.Report); err != nil {
			return err
		}
		return rw.Close()
	}
}

// available tells whether a download can be had of a report at all.
func (s *site) available(d *download, sub *subject) bool {
	if d.blob != "" {
		_, ok := sub.Blobs[d.blob]
		return ok && s.Blobs != nil
	}
	return d.has == nil || d.has(sub)
}

// addDownloads adds links to what who asks may have of a report, and to that for which a key
// is needed.
func (s *site) addDownloads(v *page.View, r *http.Request, sub *subject) {
	may := s.Allowed(r, store.ScopeDownload)
	for _, d := range downloads() {
		if !s.available(&d, sub) {
			continue
		}
		link := page.Link{Text: d.text, Href: sub.at("download", d.name)}
		switch {
		case d.export:
			v.Exports = append(v.Exports, link)
		case d.locked && !may:
			v.Locked = append(v.Locked, link)
		default:
			v.Downloads = append(v.Downloads, link)
		}
	}
}

// download sends one.
func (s *site) download(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	sub, err := s.subject(r)
	if err != nil {
		return err
	}
	if isContent(name) {
		return s.content(w, r, sub, name)
	}
	all := downloads()
	at := slices.IndexFunc(all, func(d download) bool { return d.name == name })
	if at < 0 || !s.available(&all[at], sub) {
		return store.ErrNotFound
	}
	d := &all[at]
	if d.locked {
		if err := s.unlock(w, r); err != nil {
			return err
		}
		if err := s.note(r, sub, "download "+d.name); err != nil {
			return err
		}
	}
	attach(w, sub, d.name)
	w.Header().Set("Cache-Control", s.caching(d.locked))
	if d.blob != "" {
		return s.sendBlob(w, r, sub.Entry, d.blob, d.kind)
	}
	var b bytes.Buffer
	if err := d.write(&b, sub); err != nil {
		return fmt.Errorf("write %s: %w", d.name, err)
	}
	s.send(w, r, http.StatusOK, d.kind, b.Bytes())
	return nil
}

// unlock refuses who holds no key for downloads.
func (s *site) unlock(w http.ResponseWriter, r *http.Request) error {
	if s.Allowed(r, store.ScopeDownload) {
		return nil
	}
	if w != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="detonaut", scope="download"`)
	}
	return refused(http.StatusUnauthorized, "What came from an image may be malware. To have it, a key with the scope download is needed.")
}

// contentForm is the name of a payload or a body.
var contentForm = regexp.MustCompile(`^(payloads|bodies)/[0-9a-f]{64}$`)

func isContent(name string) bool {
	name, zipped := strings.CutSuffix(name, ".zip")
	return zipped && contentForm.MatchString(name)
}

// attach has what is sent saved under a name that says what it is of. Its letters are ours.
func attach(w http.ResponseWriter, sub *subject, name string) {
	_, sum, _ := strings.Cut(string(sub.Digest), ":")
	w.Header().Set("Content-Disposition", `attachment; filename="detonaut-`+sum[:12]+"-"+strings.ReplaceAll(name, "/", "-")+`"`)
}

// open opens an artifact of a report.
func (s *site) open(ctx context.Context, e *store.Entry, name string) (io.ReadCloser, error) {
	blob, _, err := s.openSized(ctx, e, name)
	return blob, err
}

func (s *site) openSized(ctx context.Context, e *store.Entry, name string) (io.ReadCloser, int64, error) {
	sum, ok := e.Blobs[name]
	if !ok || s.Blobs == nil {
		return nil, 0, refused(http.StatusNotFound, "This report has no %s.", name)
	}
	blob, size, err := s.Blobs.Open(ctx, sum)
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	return blob, size, nil
}

// sendBlob sends an artifact as it is.
func (s *site) sendBlob(w http.ResponseWriter, r *http.Request, e *store.Entry, name, kind string) error {
	sum := e.Blobs[name]
	if _, err := hex.DecodeString(sum); err == nil {
		w.Header().Set("ETag", `"`+sum+`"`)
		if known(r, `"`+sum+`"`) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	blob, size, err := s.openSized(r.Context(), e, name)
	if err != nil {
		for _, h := range []string{"ETag", "Content-Disposition"} {
			w.Header().Del(h)
		}
		return err
	}
	defer blob.Close()
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", fmt.Sprint(size))
	if r.Method == http.MethodHead {
		return nil
	}
	if n, err := io.Copy(w, blob); err != nil && n < size {
		s.Log.WarnContext(r.Context(), "an artifact was not sent whole", "name", name, "error", err)
		panic(http.ErrAbortHandler) // who reads must see that it is not whole
	}
	return nil
}
