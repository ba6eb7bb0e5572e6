package vuln

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/vulnerability"
	"gorm.io/gorm"

	"github.com/detonaut/detonaut"
)

// Names of what is in the folder of a database: the database, what grype's command
// notes beside it, and what is noted by whoever prepared it for us. See [Record].
const (
	FileName   = v6.VulnerabilityDBFileName
	ImportName = v6.ImportMetadataFileName
	RecordName = "database.json"
)

// Model is the version of the format that is read, and the name of the folder in which
// the database is looked for.
const Model = v6.ModelVersion

// DefaultMaxAge is how old a database may be before it is said to be old, as in grype.
const DefaultMaxAge = 5 * 24 * time.Hour

// ErrNone is what [Open] says where there is no database. It wraps
// [detonaut.ErrNotFound].
var ErrNone = fmt.Errorf("no vulnerability database: %w", detonaut.ErrNotFound)

// Options say how a database is used. The zero value is for everybody.
type Options struct {
	// MaxAge is how old the database may be without a warning; DefaultMaxAge if 0.
	MaxAge time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Limits bound one Match; zero fields take their defaults.
	Limits Limits
}

// Record is what was noted of a database when it was prepared, as JSON.
type Record struct {
	// Digest is that of the database as it came, before indexes were made for it: equal
	// for all who have the same.
	Digest detonaut.Digest `json:"digest"`
	// Size is that of the file as it is, in bytes.
	Size int64 `json:"size"`
	// Source is where it came from: a URL or a path. Imported is when, in UTC.
	Source   string    `json:"source,omitempty"`
	Imported time.Time `json:"imported"`
	// Client is the version of the format for which indexes were made.
	Client string `json:"client"`
}

// Database is an open database. It is shared by as many scans at once as there are, and
// is not changed while it is open, whatever is downloaded meanwhile.
type Database struct {
	options  Options
	info     detonaut.Database
	record   *Record
	reader   store
	provider vulnerability.Provider
	lock     *os.File
}

// Open opens the database below dir, the folder that grype's command knows as
// GRYPE_DB_CACHE_DIR as well: the file is DIR/6/vulnerability.db. The caller closes it.
// It is [ErrNone] if there is no database, and [detonaut.ErrCorrupt] if it cannot be
// read. What it holds is not verified: that is done when it is imported.
func Open(dir string, o Options) (*Database, error) {
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// An update changes where the name leads. This database stays what it is.
	folder, err := filepath.EvalSymlinks(filepath.Join(dir, strconv.Itoa(Model)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w", err)
	}
	return OpenFolder(folder, o)
}

// OpenFolder does the same with the folder in which FileName is.
func OpenFolder(folder string, o Options) (_ *Database, err error) {
	lock, err := os.Open(filepath.Join(folder, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", folder, ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w", err)
	}
	d := &Database{options: o, lock: lock}
	defer func() {
		if p := recover(); p != nil { // of what reads a file that anybody may have written
			err = fmt.Errorf("open vulnerability database: %w: panic: %v", detonaut.ErrCorrupt, p)
		}
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	// Whoever wants to remove it sees that it is in use.
	if err := lockShared(lock); err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w", err)
	}
	if d.record, err = readRecord(folder); err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w", err)
	}
	if err := d.open(folder, d.record); err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w: %s: %w", detonaut.ErrCorrupt, lock.Name(), err)
	}
	return d, nil
}

// readRecord reads what was noted in a folder; nil if nothing was.
func readRecord(folder string) (*Record, error) {
	b, err := os.ReadFile(filepath.Join(folder, RecordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // grype's command leaves none
	}
	if err != nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", detonaut.ErrCorrupt, RecordName, err)
	}
	return r, nil
}

func (d *Database) open(folder string, r *Record) error {
	info, err := d.lock.Stat()
	if err != nil {
		return err
	}
	if r != nil && r.Size != info.Size() {
		return fmt.Errorf("it has %d bytes, and had %d when it was imported", info.Size(), r.Size)
	}
	reader, err := v6.NewReader(v6.Config{DBDirPath: escape(folder)})
	if err != nil {
		return err
	}
	d.reader = reader.(store) //nolint:forcetypeassert // grype asserts it, too
	about, err := d.reader.GetDBMetadata()
	if err != nil {
		return err
	}
	if about == nil || about.BuildTimestamp == nil {
		return errors.New("it does not say when it was built")
	}
	d.info = detonaut.Database{
		Schema: fmt.Sprintf("v%d.%d.%d", about.Model, about.Revision, about.Addition),
		Built:  about.BuildTimestamp.UTC(),
	}
	if r != nil {
		d.info.Digest = r.Digest
	} else {
		d.info.Digest = stranger(folder, d.info, info.Size())
	}
	d.provider = v6.NewVulnerabilityProvider(lean{d.reader})
	return nil
}

// stranger is the digest of a database that somebody else imported: of what is known of
// it without reading it whole.
func stranger(folder string, info detonaut.Database, size int64) detonaut.Digest {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s %d\n", info.Schema, info.Built.Format(time.RFC3339Nano), size)
	if b, err := os.ReadFile(filepath.Join(folder, ImportName)); err == nil {
		sum.Write(b) // has a hash of the content
	}
	return detonaut.Digest(fmt.Sprintf("sha256:%x", sum.Sum(nil)))
}

// escape writes a path as a URI has it: SQLite is given one.
func escape(p string) string { return (&url.URL{Path: p}).EscapedPath() }

// Close gives it back. What a Match that still runs finds is not whole then.
func (d *Database) Close() error {
	var err error
	if d.reader != nil {
		err = d.reader.Close()
	}
	return errors.Join(err, d.lock.Close())
}

// Info names the database in a report.
func (d *Database) Info() detonaut.Database { return d.info }

// Record is what was noted when it was imported; nil if another program did that.
func (d *Database) Record() *Record { return d.record }

// Warning is what to say of a database that is too old, and how to get another; empty
// if it is not.
func (d *Database) Warning() string {
	return Warning(d.info, d.options.Now(), d.options.MaxAge)
}

// Warning does the same for any database.
func Warning(info detonaut.Database, now time.Time, maxAge time.Duration) string {
	age := now.Sub(info.Built)
	if age <= maxAge {
		return ""
	}
	return fmt.Sprintf("the vulnerability database is %d days old: run detonaut db update", int(age.Hours()/24))
}

// lean is a database without what is read of it for each match: what is known of
// each CVE is looked up once, when all matches are known.
type lean struct{ store }

// store is what a v6.Reader is: it is used for its connection as well.
type store interface {
	v6.Reader
	GetDB() *gorm.DB
}

// GetKnownExploitedVulnerabilities implements v6.Reader.
func (lean) GetKnownExploitedVulnerabilities(string) ([]v6.KnownExploitedVulnerabilityHandle, error) {
	return nil, nil
}

// GetEpss implements v6.Reader.
func (lean) GetEpss(string) ([]v6.EpssHandle, error) { return nil, nil }

// GetCWEs implements v6.Reader.
func (lean) GetCWEs(string) ([]v6.CWEHandle, error) { return nil, nil }
