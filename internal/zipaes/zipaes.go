// Package zipaes writes zip archives that are encrypted with a password, as WinZip does (AE-2
// with AES-256): for payloads, which no virus scanner on the way and no double click is to
// open. bsdtar, 7-Zip and WinZip read them; unzip does not know the method.
//
// The encryption keeps things apart and hides nothing from who knows the password, which is
// usually a word that everybody knows.
package zipaes

import (
	"archive/zip"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/detonaut/detonaut"
)

// What the specification of AE-2 fixes: https://www.winzip.com/en/support/aes-encryption/
const (
	method       = 99 // "encrypted; the real one is in the extra field"
	version      = 51 // of the format, that a reader has to know
	flags        = 1 | 1<<3 | 1<<11
	keySize      = 32
	saltSize     = 16
	checkSize    = 2
	macSize      = 10
	iterations   = 1000
	creatorUnix  = 3 << 8
	readable     = 0o100600 << 16 // by its owner, and no program
	firstDOSDate = 1<<5 | 1       // 1980-01-01: nobody learns when it was made
)

// extra is the extra field of a file: AE-2, of AES-256, over deflate.
var extra = []byte{0x01, 0x99, 7, 0, 2, 0, 'A', 'E', 3, byte(zip.Deflate), 0}

// Writer writes an archive as a stream: it keeps nothing but the list of files. One goroutine
// uses it.
type Writer struct {
	zip      *zip.Writer
	password string
	file     *file // the one that is written; nil before the first
}

// NewWriter begins an archive on w. The caller calls Close in the end, and then closes w.
func NewWriter(w io.Writer, password string) *Writer {
	return &Writer{zip: zip.NewWriter(w), password: password}
}

// Create begins a file, and ends the one before it. What is written to it before the next
// call of Create or Close is its content. A name that could lead out of the folder that an
// archive is unpacked in is [detonaut.ErrUsage].
func (w *Writer) Create(name string) (io.Writer, error) {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\:\x00") || len(name) > math.MaxUint16 {
		return nil, fmt.Errorf("add file to archive: %w: the name %q", detonaut.ErrUsage, name)
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	f, err := w.begin(name)
	if err != nil {
		return nil, fmt.Errorf("add file to archive: %w", err)
	}
	w.file = f
	return f, nil
}

// Close ends the archive. Without it there is none.
func (w *Writer) Close() error {
	if err := w.end(); err != nil {
		return err
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	return nil
}

func (w *Writer) end() error {
	f := w.file
	w.file = nil
	if f == nil {
		return nil
	}
	if err := f.end(); err != nil {
		return fmt.Errorf("add file to archive: %w", err)
	}
	return nil
}

func (w *Writer) begin(name string) (*file, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	keys, err := pbkdf2.Key(sha1.New, w.password, salt, iterations, 2*keySize+checkSize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(keys[:keySize])
	if err != nil {
		return nil, err
	}
	f := &file{
		// Sizes are told behind the content. There is no sum of it (AE-2): it would tell what
		// the content is.
		header: &zip.FileHeader{
			Name: name, Method: method, Flags: flags, Extra: extra,
			ModifiedDate:   firstDOSDate, //nolint:staticcheck // what is newer is not for raw files
			CreatorVersion: creatorUnix | version, ReaderVersion: version, ExternalAttrs: readable,
		},
		stream: counter{block: block, used: aes.BlockSize}, mac: hmac.New(sha1.New, keys[keySize:2*keySize]),
	}
	if f.raw, err = w.zip.CreateRaw(f.header); err != nil {
		return nil, err
	}
	if err := f.emit(salt, keys[2*keySize:]); err != nil {
		return nil, err
	}
	f.deflate, err = flate.NewWriter(ciphered{f}, flate.DefaultCompression)
	return f, err
}

// file is the content of a file on its way: deflated, encrypted, summed.
type file struct {
	header  *zip.FileHeader // the archive keeps it, and reads the sizes when the file has ended
	raw     io.Writer
	deflate *flate.Writer
	stream  counter
	mac     hash.Hash
	ended   bool
}

var errEnded = errors.New("the file has ended")

func (f *file) Write(p []byte) (int, error) {
	if f.ended {
		return 0, errEnded
	}
	n, err := f.deflate.Write(p)
	f.header.UncompressedSize64 += uint64(n)
	return n, err
}

// emit writes bytes to the archive as they are.
func (f *file) emit(parts ...[]byte) error {
	for _, p := range parts {
		n, err := f.raw.Write(p)
		f.header.CompressedSize64 += uint64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *file) end() error {
	f.ended = true
	if err := f.deflate.Close(); err != nil {
		return err
	}
	if err := f.emit(f.mac.Sum(nil)[:macSize]); err != nil {
		return err
	}
	h := f.header
	h.CompressedSize = uint32(min(h.CompressedSize64, math.MaxUint32))     //nolint:staticcheck // the list at the end is made of it
	h.UncompressedSize = uint32(min(h.UncompressedSize64, math.MaxUint32)) //nolint:staticcheck // the same
	return nil
}

// ciphered is a file behind the deflation.
type ciphered struct{ f *file }

// Write encrypts in a buffer of its own: p is the deflation's.
func (c ciphered) Write(p []byte) (int, error) {
	var buf [4096]byte
	for done := 0; done < len(p); {
		n := copy(buf[:], p[done:])
		c.f.stream.xor(buf[:n])
		c.f.mac.Write(buf[:n])
		if err := c.f.emit(buf[:n]); err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// counter is the mode of AE-2: a counter from 1, of which the lowest byte comes first, unlike
// that of crypto/cipher.
type counter struct {
	block cipher.Block
	n     uint64
	key   [aes.BlockSize]byte
	used  int // of key
}

func (c *counter) xor(p []byte) {
	for i := range p {
		if c.used == len(c.key) {
			c.n++
			var in [aes.BlockSize]byte
			binary.LittleEndian.PutUint64(in[:], c.n)
			c.block.Encrypt(c.key[:], in[:])
			c.used = 0
		}
		p[i] ^= c.key[c.used]
		c.used++
	}
}
