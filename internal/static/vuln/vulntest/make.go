package vulntest

import (
	"path/filepath"
	"testing"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"gorm.io/gorm"
)

// Hole is a record of a database that [Make] writes.
type Hole struct {
	// ID is its name, and Provider who says so: "nvd", "github" ...
	ID, Provider string
	Aliases      []string
	Text         string
	URLs         []string
	// Severity is a word, CVSS a vector of version 3.1.
	Severity, CVSS string
	// Ecosystem and Package are what has it, in versions before Before: "python",
	// "npm" ... Vendor and Product are what has it by the names of CPE. Without either
	// there is the record alone.
	Ecosystem, Package, Before string
	Vendor, Product            string
	// Versions is how versions are compared; empty is any way.
	Versions string
	Fix      v6.FixStatus
	// What is known of ID as a CVE.
	EPSS, Percentile float64
	Exploited        bool
}

// Make writes a database as it is published, without indexes, and returns the path of
// the file.
func Make(tb testing.TB, built time.Time, holes ...Hole) string {
	tb.Helper()
	dir := tb.TempDir()
	w, err := v6.NewWriter(v6.Config{DBDirPath: dir, CacheSizeKiB: 1024})
	must(tb, err)
	for i := range holes {
		add(tb, w, &holes[i])
	}
	must(tb, w.(interface{ GetDB() *gorm.DB }).GetDB().Exec("UPDATE db_metadata SET build_timestamp = ?", built.UTC()).Error)
	must(tb, w.Close())
	return filepath.Join(dir, v6.VulnerabilityDBFileName)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("write a vulnerability database: %v", err)
	}
}

func add(tb testing.TB, w v6.ReadWriter, h *Hole) {
	tb.Helper()
	now := time.Unix(1_700_000_000, 0).UTC()
	provider := v6.Provider{ID: h.Provider, Version: "1", Processor: "test", DateCaptured: &now}
	must(tb, w.AddProvider(provider))
	blob := &v6.VulnerabilityBlob{ID: h.ID, Description: h.Text, Aliases: h.Aliases}
	for _, u := range h.URLs {
		blob.References = append(blob.References, v6.Reference{URL: u})
	}
	if h.Severity != "" {
		blob.Severities = append(blob.Severities, v6.Severity{Scheme: v6.SeveritySchemeCHMLN, Value: h.Severity, Rank: 1})
	}
	if h.CVSS != "" {
		blob.Severities = append(blob.Severities, v6.Severity{Scheme: v6.SeveritySchemeCVSS, Value: v6.CVSSSeverity{Vector: h.CVSS, Version: "3.1"}, Rank: 2})
	}
	handle := &v6.VulnerabilityHandle{
		Name: h.ID, Status: v6.VulnerabilityActive, PublishedDate: &now, ModifiedDate: &now,
		ProviderID: provider.ID, Provider: &provider, BlobValue: blob,
	}
	must(tb, w.AddVulnerabilities(handle))
	of := v6.Range{Version: v6.Version{Type: h.Versions, Constraint: "< " + h.Before}, Fix: &v6.Fix{State: h.Fix}}
	if h.Fix == v6.FixedStatus {
		of.Fix.Version = h.Before
	}
	affected := &v6.PackageBlob{Ranges: []v6.Range{of}}
	if h.Package != "" {
		must(tb, w.AddAffectedPackages(&v6.AffectedPackageHandle{
			VulnerabilityID: handle.ID, Vulnerability: handle, Package: &v6.Package{Ecosystem: h.Ecosystem, Name: h.Package}, BlobValue: affected,
		}))
	}
	if h.Product != "" {
		must(tb, w.AddAffectedCPEs(&v6.AffectedCPEHandle{
			VulnerabilityID: handle.ID, Vulnerability: handle, CPE: &v6.Cpe{Part: "a", Vendor: h.Vendor, Product: h.Product}, BlobValue: affected,
		}))
	}
	if h.EPSS != 0 {
		must(tb, w.AddEpss(&v6.EpssHandle{Cve: h.ID, Epss: h.EPSS, Percentile: h.Percentile, Date: now}))
	}
	if h.Exploited {
		must(tb, w.AddKnownExploitedVulnerabilities(&v6.KnownExploitedVulnerabilityHandle{
			Cve: h.ID, BlobValue: &v6.KnownExploitedVulnerabilityBlob{Cve: h.ID},
		}))
	}
}
