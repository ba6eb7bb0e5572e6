package cassette

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Player answers from a cassette, all of which it holds. Its methods may be
// called from any goroutine.
type Player struct {
	names   map[string]bool
	http    *exchanges
	streams *scripts
	ended   bool
	full    bool // when it was recorded, entries were left out
}

// NewPlayer reads a cassette to its end, or to where it was cut off. An error
// about its contents wraps [ErrInvalid].
func NewPlayer(r io.Reader) (*Player, error) {
	p := &Player{names: map[string]bool{}, http: newExchanges(), streams: newScripts()}
	lines := bufio.NewReaderSize(io.LimitReader(r, MaxSize+1), 64<<10)
	size := 0
	for n := 0; ; n++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) && n > 0 {
			return p, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, noEOF(err))
		}
		if size += len(line); size > MaxSize || n >= maxEntries {
			return nil, fmt.Errorf("%w: more than %d bytes or %d entries", ErrInvalid, MaxSize, maxEntries)
		}
		if err := p.add(n, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
}

// noEOF is for an end where there must be a line.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it is empty", ErrInvalid)
	}
	return err
}

// readLine returns the next line, without its newline, and [io.EOF] at the
// end. A last line that has none is left out: writing it was not finished.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrInvalid, maxLine)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read cassette: %w", err)
		}
	}
}

// add takes line number n, the first of which is 0.
func (p *Player) add(n int, line []byte) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	var e entry
	if err := dec.Decode(&e); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	_, err := dec.Token()
	switch {
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("%w: more than one value on a line", ErrInvalid)
	case e.fields() != 1:
		return fmt.Errorf("%w: a line is one entry", ErrInvalid)
	case (e.Version != nil) != (n == 0):
		return fmt.Errorf("%w: the first line has the version, and no other", ErrInvalid)
	case p.ended:
		return fmt.Errorf("%w: it goes on after its end", ErrInvalid)
	case e.Version != nil && *e.Version != Version:
		return fmt.Errorf("%w: version %d, but only %d is known", ErrInvalid, *e.Version, Version)
	case e.Name != nil:
		p.names[plainName(e.Name.Name)] = e.Name.Exists
	case e.HTTP != nil:
		return p.http.add(e.HTTP)
	case e.Open != nil:
		return p.streams.open(e.Open)
	case e.Data != nil:
		return p.streams.data(e.Data)
	case e.Close != nil:
		return p.streams.close(e.Close)
	case e.End != nil:
		p.ended, p.full = true, e.End.Full
	}
	return nil
}

// Err is why the record is not whole: it wraps [ErrFull] or [ErrCutOff]; nil if
// it is whole.
func (p *Player) Err() error {
	switch {
	case !p.ended:
		return fmt.Errorf("play: %w", ErrCutOff)
	case p.full:
		return fmt.Errorf("play: %w", ErrFull)
	}
	return nil
}

// Name tells whether a name was asked for, and whether it existed when it was
// asked for last.
func (p *Player) Name(name string) (exists, known bool) {
	exists, known = p.names[plainName(name)]
	return exists, known
}

// HTTP returns what a request was answered; false if its method and URL are
// not in the record. The answers come in the order of recording, and the last
// one again and again. Those to a request with the same body come first; if
// there is none, one to another body has to do.
//
// The response is shared: the caller changes neither its header nor its body.
func (p *Player) HTTP(method, url string, body []byte) (Response, bool) {
	return p.http.next(method, text(url), bodyHash(body))
}

// Stream returns how the next connection to a host, or an address, went, in
// the order of recording, and the last one again and again.
func (p *Player) Stream(host string, port uint16) (Script, bool) {
	return p.streams.next(target(host, port))
}

func target(host string, port uint16) string { return plainName(host) + " " + strconv.Itoa(int(port)) }
