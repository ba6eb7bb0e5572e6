package rulepack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/fetch"
)

// allow refuses what is not protected on its way.
func (s *Store) allow(u *url.URL) error {
	switch {
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w: %q is no URL of https", detonaut.ErrUsage, u.Redacted())
	case u.Scheme == "https" || s.o.PlainHTTP || isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%w: %s can be changed on its way: use https (--plain-http allows it; the signature is verified all the same)", detonaut.ErrUsage, u.Redacted())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// fromServer downloads a pack, unless it is the one that is used.
func (s *Store) fromServer(ctx context.Context, source string) (e Entry, updated bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Most)
	defer cancel()
	u, err := url.Parse(source)
	if err != nil {
		return e, false, fmt.Errorf("%w: %w", detonaut.ErrUsage, err)
	}
	if s.o.Trust.Unsigned {
		return e, false, fmt.Errorf("%w: --unsigned is for files and folders on this machine", detonaut.ErrUsage)
	}
	if len(s.o.Trust.Keys) == 0 { // whatever comes, it would be refused
		return e, false, fmt.Errorf("%w: no key is trusted: name the publisher's with --key FILE, or in rules.keys of the configuration", ErrUntrusted)
	}
	d, err := s.newDownload(u)
	if err != nil {
		return e, false, err
	}
	defer d.file.Close()
	p, err := d.pack(ctx)
	if err != nil {
		return e, false, errors.Join(fmt.Errorf("%s: %w", d.source, err), d.removeEmpty())
	}
	if p == nil {
		return *d.used, false, d.remove()
	}
	if e, updated, err = s.install(ctx, p, origin{d.source, d.etag, d.modified}); err != nil {
		return e, false, errors.Join(err, d.remove())
	}
	return e, updated, d.remove()
}

// download is a file that is downloaded.
type download struct {
	*Store
	url    *url.URL
	source string // the URL without a password
	file   *os.File
	// used is the pack that came from there and is used; nil if none is.
	used           *Entry
	etag, modified string // of the file
	same           bool   // it is the one that is used
}

func (s *Store) newDownload(u *url.URL) (*download, error) {
	d := &download{Store: s, url: u, source: u.Redacted()}
	all, err := s.List()
	if err != nil {
		return nil, err
	}
	for i, one := range all {
		if one.Source == d.source && one.Pack != nil {
			d.used = &all[i].Entry
		}
	}
	name := fmt.Sprintf("%s%.16x.part", partPrefix, sha256.Sum256([]byte(d.source)))
	d.file, err = os.OpenFile(filepath.Join(s.o.Dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	return d, err
}

// noteName is the file that notes the ETag of what the download has the beginning of.
func (d *download) noteName() string { return d.file.Name() + ".etag" }

func (d *download) remove() error {
	return errors.Join(os.RemoveAll(d.noteName()), os.Remove(d.file.Name()))
}

// removeEmpty removes a download of which there is nothing to go on with.
func (d *download) removeEmpty() error {
	if info, err := d.file.Stat(); err != nil || info.Size() > 0 {
		return err
	}
	return d.remove()
}

// pack gets the pack; nil if it is the one that is used.
func (d *download) pack(ctx context.Context) (*Pack, error) {
	begun, err := d.resume()
	if err != nil {
		return nil, err
	}
	p, err := d.get(ctx)
	if begun && errors.Is(err, detonaut.ErrCorrupt) { // what was gone on with may be the reason
		if err = fetch.Empty(d.file); err == nil {
			p, err = d.get(ctx)
		}
	}
	if errors.Is(err, detonaut.ErrCorrupt) || errors.Is(err, ErrUntrusted) {
		err = errors.Join(err, fetch.Empty(d.file)) // another download may be better
	}
	return p, err
}

// resume tells whether there is something to go on with.
func (d *download) resume() (bool, error) {
	info, err := d.file.Stat()
	if err != nil {
		return false, err
	}
	note, err := os.ReadFile(d.noteName())
	if err != nil || info.Size() == 0 {
		return false, fetch.Empty(d.file)
	}
	d.etag = string(note)
	return true, nil
}

func (d *download) get(ctx context.Context) (*Pack, error) {
	d.o.Progress("downloading")
	err := fetch.Again(ctx, func() (bool, error) {
		if !isStrong(d.etag) { // nobody can tell whether it is still the same file
			if err := fetch.Empty(d.file); err != nil {
				return false, err
			}
		}
		return d.client.Append(ctx, d.url, d.file, fetch.Part{
			Most: MaxArchive, Same: d.etag, Known: d.known(), Begun: d.begin, Progress: func(int64, int64) {},
		})
	})
	if err != nil || d.same {
		return nil, err
	}
	if _, err := d.file.Seek(0, 0); err != nil {
		return nil, err
	}
	return Read(d.file, d.o.Trust)
}

// isStrong tells whether an ETag is that of the same bytes.
func isStrong(etag string) bool { return strings.HasPrefix(etag, `"`) }

// known are the fields that ask for what is new only.
func (d *download) known() http.Header {
	h := http.Header{}
	switch {
	case d.used == nil || d.o.Force:
		return nil
	case d.used.ETag != "":
		h.Set("If-None-Match", d.used.ETag)
	case d.used.Modified != "":
		h.Set("If-Modified-Since", d.used.Modified)
	default:
		return nil
	}
	return h
}

// maxField is how many bytes of a field are kept.
const maxField = 256

// begin notes what an answer is of.
func (d *download) begin(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusNotModified && d.known() == nil:
		return fmt.Errorf("%w: the server says that nothing is new, and was not asked that", detonaut.ErrCorrupt)
	case resp.StatusCode == http.StatusNotModified:
		d.same = true
		return nil
	case resp.StatusCode != http.StatusOK: // of what is known
		return nil
	}
	d.etag, d.modified = field(resp, "ETag"), field(resp, "Last-Modified")
	if err := os.WriteFile(d.noteName(), []byte(d.etag), 0o600); err != nil {
		return fmt.Errorf("%w: %w", fetch.ErrLocal, err)
	}
	return nil
}

func field(resp *http.Response, name string) string {
	if text := resp.Header.Get(name); len(text) <= maxField {
		return text
	}
	return ""
}
