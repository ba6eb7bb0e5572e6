package artifact

import (
	"fmt"
	"strings"
)

// Kinds is a set of what a stream may carry.
type Kinds uint8

// What a stream may carry.
const (
	Captures Kinds = 1 << iota
	Records
	Bodies
	Payloads

	Everything = Captures | Records | Bodies | Payloads
)

// kindNames are those of a command line, in the order of the bits, and those of
// the bounds.
var kindNames = [...]string{"capture", "record", "bodies", "payloads"}

// String names the kinds, between commas.
func (k Kinds) String() string {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseKinds is the reverse of String. No kinds at all are an error.
func ParseKinds(s string) (k Kinds, err error) {
names:
	for name := range strings.SplitSeq(s, ",") {
		for i, known := range kindNames {
			if name == known {
				k |= 1 << i
				continue names
			}
		}
		return 0, fmt.Errorf("%q is no kind of artifact", name)
	}
	return k, nil
}

// Only returns limits that leave nothing to other kinds than k. What is not
// wanted is no stream's to carry: the reader refuses it.
func (l Limits) Only(k Kinds) Limits {
	if k&Captures == 0 {
		l.Capture = 0
	}
	if k&Records == 0 {
		l.Record = 0
	}
	if k&Bodies == 0 {
		l.Blob, l.Blobs, l.Count = 0, 0, 0
	}
	if k&Payloads == 0 {
		l.Payload, l.Payloads, l.Files = 0, 0, 0
	}
	return l
}

// Wants tells whether the stream takes any of the kinds. One that is nil takes
// nothing. What is written all the same is over a bound.
func (w *Writer) Wants(k Kinds) bool {
	return w != nil && (k&Captures != 0 && w.used.Capture > 0 || k&Records != 0 && w.used.Record > 0 ||
		k&Bodies != 0 && w.used.Count > 0 || k&Payloads != 0 && w.used.Files > 0)
}

// Choosy is a [Sink] that may not want everything. It is asked before a stream
// begins, and given nothing that it does not want.
type Choosy interface {
	Sink
	Wants() Kinds
}

// Wanted are the kinds that a sink wants: none if it is nil.
func Wanted(s Sink) Kinds {
	if s == nil {
		return 0
	}
	if c, ok := s.(Choosy); ok {
		return c.Wants()
	}
	return Everything
}
