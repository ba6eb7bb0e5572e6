package network

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"
	"time"
)

const (
	// holdTime is how long a live answer is waited for as a whole, so that it is
	// on the tape before the subject acts on it. What takes longer is passed on
	// as it comes.
	holdTime = time.Second
	// pieceBytes is how much of it is passed on at once.
	pieceBytes = 32 << 10
)

// download is the body of an answer of the real internet. It is for one
// goroutine, which closes it.
type download struct {
	internet *Internet
	hash     hash.Hash
	size     int64  // of what came so far
	held     []byte // the start of it
	done     bool   // held is all of it
	full     bool   // held takes no more

	cancel context.CancelFunc // ends the request
	reader sync.WaitGroup
	pieces chan []byte // each is good until the next is asked for
	err    error       // why there are no more; set when pieces is closed
}

// newDownload begins to read body, which it closes. cancel ends a read that
// waits.
func (n *Internet) newDownload(body io.ReadCloser, cancel context.CancelFunc) *download {
	d := &download{internet: n, hash: sha256.New(), cancel: cancel, pieces: make(chan []byte)}
	d.reader.Go(func() {
		defer body.Close()
		defer close(d.pieces)
		var buffers [2][pieceBytes]byte // one to read into, one in the hands of the other side
		for i := 0; ; i++ {
			b := buffers[i%len(buffers)][:]
			size, err := body.Read(b)
			if size > 0 {
				d.pieces <- b[:size]
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					d.err = err
				}
				return
			}
		}
	})
	return d
}

// hold takes what comes at once, and is done if that was all.
func (d *download) hold() {
	late := time.NewTimer(holdTime)
	defer late.Stop()
	for d.room() {
		select {
		case b, more := <-d.pieces:
			d.count(b)
			d.keep(b)
			if !more {
				d.full, d.done = true, d.err == nil
				return
			}
		case <-late.C:
			d.keep(nil)
			return
		}
	}
}

// copy gives away what is held, then what comes, until the end of either. Of
// errors it returns that of give, or of the real internet.
func (d *download) copy(give func([]byte) error) error {
	// What is held stays: more is added after it.
	if err := give(d.held); err != nil {
		return err
	}
	for b := range d.pieces {
		d.count(b)
		if d.room() {
			d.keep(b)
		} else {
			d.full = true
			d.internet.bound("bodies")
		}
		if err := give(b); err != nil {
			return err
		}
	}
	return d.err
}

// room makes room for one more piece, which keep takes; false if there is none.
func (d *download) room() bool {
	if d.full || len(d.held)+pieceBytes > bodyBytes {
		return false
	}
	if d.internet.bodies.Add(pieceBytes) > bodiesBytes {
		d.internet.bodies.Add(-pieceBytes)
		return false
	}
	return true
}

func (d *download) keep(b []byte) {
	d.held = append(d.held, b...)
	d.internet.bodies.Add(int64(len(b)) - pieceBytes)
}

func (d *download) count(b []byte) {
	_, _ = d.hash.Write(b) // a hash does not fail
	d.size += int64(len(b))
}

// close ends the download, whole or not.
func (d *download) close() {
	d.cancel()
	for range d.pieces { // the reader is on its way out
	}
	d.reader.Wait()
	d.internet.bodies.Add(-int64(len(d.held)))
}
