package payload

import "io"

// Reader reads a content at an offset, like PRead: fewer bytes than asked for are
// no end, and nothing is.
type Reader func(b []byte, off int64) (int, error)

// ReadAt implements io.ReaderAt, which reads all that is asked for.
func (r Reader) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		k, err := r(b[n:], off+int64(n))
		n += k
		switch {
		case n == len(b):
		case err != nil:
			return n, err
		case k == 0:
			return n, io.EOF
		}
	}
	return n, nil
}
