package vuln

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/detonaut/detonaut"
)

// batch is how many names are asked for at once: SQLite takes 999 at least.
const batch = 300

// nvd is the provider of the records that say the most of a CVE, and space the name
// that grype has for it.
const nvd, space = "nvd", "nvd:cpe"

// details are what the database knows of each CVE, whatever package it is in, by name.
type details map[string]*detail

// detail is what it knows of one.
type detail struct {
	exploited        bool
	epss, percentile float64
	// record is that of NVD.
	record *vulnerability.Metadata
}

func (d *detail) apply(v *detonaut.Vulnerability) {
	v.Exploited = v.Exploited || d.exploited
	if d.epss > v.EPSS {
		v.EPSS, v.Percentile = d.epss, d.percentile
	}
	apply(v, d.record)
}

// details looks up every CVE of what was found, many at once: grype asks for each
// match, three times.
func (d *Database) details(ctx context.Context, found []match.Match) (details, error) {
	all := details{}
	for i := range found {
		_, _, cves := names(&found[i].Vulnerability)
		for _, cve := range cves {
			if all[cve] == nil {
				all[cve] = new(detail)
			}
		}
	}
	names := make([]string, 0, len(all))
	for cve := range all {
		names = append(names, cve)
	}
	db, err := d.reader.GetDB().DB()
	if err != nil {
		return nil, err
	}
	for len(names) > 0 {
		some := names[:min(batch, len(names))]
		names = names[len(some):]
		for _, ask := range []question{
			{"known_exploited_vulnerability_handles", "cve FROM known_exploited_vulnerability_handles WHERE cve", d.readExploited},
			{"epss_handles", "cve, epss, percentile FROM epss_handles WHERE cve", d.readEPSS},
			{"vulnerability_handles", "name, value FROM vulnerability_handles JOIN blobs ON blobs.id = blob_id WHERE provider_id = '" + nvd + "' COLLATE NOCASE AND name", d.readRecord},
		} {
			if err := ask.of(ctx, db, some, all); err != nil {
				return nil, fmt.Errorf("read %s: %w", ask.table, err)
			}
		}
	}
	return all, nil
}

// question is what a table is asked about names, and who reads a line of the answer.
type question struct {
	table, sql string
	read       func(*sql.Rows, details) error
}

func (q question) of(ctx context.Context, db *sql.DB, names []string, all details) error {
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	rows, err := db.QueryContext(ctx, "SELECT "+q.sql+" COLLATE NOCASE IN (?"+strings.Repeat(",?", len(names)-1)+")", args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		if err := q.read(rows, all); err != nil {
			return err
		}
	}
	return rows.Err()
}

// at is what is known of a CVE that the database may write in its own way.
func (d details) at(cve string) *detail {
	if of := d[strings.ToUpper(cve)]; of != nil {
		return of
	}
	return new(detail)
}

func (d *Database) readExploited(rows *sql.Rows, all details) error {
	var cve string
	if err := rows.Scan(&cve); err != nil {
		return err
	}
	all.at(cve).exploited = true
	return nil
}

func (d *Database) readEPSS(rows *sql.Rows, all details) error {
	var cve string
	var epss, percentile float64
	if err := rows.Scan(&cve, &epss, &percentile); err != nil {
		return err
	}
	if of := all.at(cve); epss > of.epss {
		of.epss, of.percentile = epss, percentile
	}
	return nil
}

func (d *Database) readRecord(rows *sql.Rows, all details) error {
	h := v6.VulnerabilityHandle{BlobValue: new(v6.VulnerabilityBlob)}
	var blob string
	if err := rows.Scan(&h.Name, &blob); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(blob), h.BlobValue); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	// Nothing is read for this any more: grype says what the record means.
	record, err := d.provider.VulnerabilityMetadata(vulnerability.Reference{ID: h.Name, Namespace: space, Internal: &h}) //nolint:staticcheck // nothing else of grype's does
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	all.at(h.Name).record = record
	return nil
}
