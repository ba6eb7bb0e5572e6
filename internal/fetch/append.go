package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/detonaut/detonaut"
)

// ErrLocal marks what is the fault of this machine: a full disk.
var ErrLocal = errors.New("write download")

// Part says how [Client.Append] gets what a file lacks.
type Part struct {
	// Most is how many bytes the whole file may have.
	Most int64
	// Same is the strong ETag of what the file has the beginning of, so that it is gone on
	// with only if the server still has the same; empty where the caller finds out in
	// another way.
	Same string
	// Known are fields that ask for nothing new, such as If-None-Match; nil asks for all.
	Known http.Header
	// Begun is told of each answer before anything of it is taken, of one that is known
	// (304), too; an error ends it. Nil wants to know of none.
	Begun func(*http.Response) error
	// Progress is told how many bytes there are, of how many; of 0 if that is not known.
	Progress func(done, total int64)
}

// Append gets what f lacks of the file at u, and tells whether something came. It is nil
// when f has all that the server has, or it is known, which [Part.Begun] is told. The error is
// [detonaut.ErrLimit] if the file is too large; f is empty then.
func (c *Client) Append(ctx context.Context, u *url.URL, f *os.File, p Part) (came bool, err error) {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrLocal, err)
	}
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if p.Same != "" {
			header.Set("If-Range", p.Same)
		}
	} else if p.Known != nil {
		header = p.Known.Clone()
	}
	resp, err := c.Get(ctx, u, header)
	if r, ok := errors.AsType[Refused](err); ok && have > 0 && strings.HasPrefix(r.Status, "416 ") {
		return false, nil // it may be all, or of another file
	}
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if p.Begun != nil {
		if err := p.Begun(resp); err != nil {
			return false, err
		}
	}
	if resp.StatusCode == http.StatusNotModified {
		return false, nil
	}
	if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
		if resp.StatusCode == http.StatusPartialContent {
			return false, fmt.Errorf("%w: the server sent another range than was asked for", detonaut.ErrCorrupt)
		}
		if have, err = 0, Empty(f); err != nil {
			return false, err
		}
	}
	return p.copy(f, have, resp)
}

// copy appends the body of an answer to the bytes that f has.
func (p *Part) copy(f *os.File, have int64, resp *http.Response) (came bool, err error) {
	total := int64(0)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	if total > p.Most {
		return false, p.tooLarge()
	}
	n, err := io.Copy(&counted{to: f, progress: p.Progress, done: have, total: total}, io.LimitReader(resp.Body, p.Most-have+1))
	if have+n > p.Most {
		return n > 0, errors.Join(p.tooLarge(), Empty(f))
	}
	return n > 0, err
}

func (p *Part) tooLarge() error {
	return fmt.Errorf("%w: the file has more than %d bytes", detonaut.ErrLimit, p.Most)
}

// Empty makes f have no bytes.
func Empty(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	if err := errors.Join(err, f.Truncate(0)); err != nil {
		return fmt.Errorf("%w: %w", ErrLocal, err)
	}
	return nil
}

// counted tells how much was written.
type counted struct {
	to          io.Writer
	progress    func(done, total int64)
	done, total int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.done += int64(n)
	c.progress(c.done, c.total)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrLocal, err)
	}
	return n, err
}
