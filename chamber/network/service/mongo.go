package service

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
)

// Messages of MongoDB's wire protocol, and its greatest one.
const (
	mongoReply = 1
	mongoQuery = 2004
	mongoMsg   = 2013
	maxMongo   = 48000000
)

// A header is four numbers: length, id, the id that it answers, kind.
func matchMongo(head []byte) Recognition {
	if len(head) < 16 {
		if len(head) >= 4 && !mongoLength(head) {
			return No
		}
		return More
	}
	kind := binary.LittleEndian.Uint32(head[12:])
	if mongoLength(head) && binary.LittleEndian.Uint32(head[8:]) == 0 && (kind == mongoQuery || kind == mongoMsg) {
		return Yes
	}
	return No
}

func mongoLength(head []byte) bool {
	n := binary.LittleEndian.Uint32(head)
	return n > 20 && n <= maxMongo
}

// mongo is an empty database that asks for no password.
func mongo(s *Session) error {
	for {
		head, err := s.take(16)
		if err != nil {
			return err
		}
		n, id, kind := binary.LittleEndian.Uint32(head), head[4:8], binary.LittleEndian.Uint32(head[12:])
		if !mongoLength(head) || kind != mongoQuery && kind != mongoMsg {
			return errMalformed
		}
		body, err := s.take(int(n) - 16)
		if err != nil {
			return err
		}
		command := mongoCommand(kind, body)
		if len(command) == 0 {
			return errMalformed
		}
		verb, fields := command[0].name, []string{"collection", command[0].text}
		for _, e := range command[1:] {
			switch e.name {
			case "$db":
				fields = append(fields, "database", e.text)
			case "mechanism", "user":
				fields = append(fields, e.name, e.text)
			}
		}
		s.say(verb, fields...)
		if err := s.write(mongoAnswer(kind, id, bsonReply(strings.ToLower(verb), s.Now().UnixMilli()))); err != nil {
			return err
		}
	}
}

// mongoCommand finds the document of a message: of OP_MSG behind flags and the
// kind 0 of a section, of OP_QUERY behind flags, the collection and two numbers.
func mongoCommand(kind uint32, body []byte) []element {
	if kind == mongoMsg {
		if len(body) < 5 || body[4] != 0 {
			return nil
		}
		return bsonRead(body[5:])
	}
	if len(body) < 4 {
		return nil
	}
	_, rest, ok := bytes.Cut(body[4:], []byte{0})
	if !ok || len(rest) < 8 {
		return nil
	}
	return bsonRead(rest[8:])
}

func mongoAnswer(kind uint32, id []byte, document string) string {
	body := "\x00\x00\x00\x00\x00" + document // no flags, a section of kind 0
	if kind == mongoQuery {
		kind = mongoReply
		body = strings.Repeat("\x00", 16) + "\x01\x00\x00\x00" + document // flags, cursor, start; one document
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
	head = append(append(head, 1, 0, 0, 0), id...)
	return string(binary.LittleEndian.AppendUint32(head, kind)) + body
}

// An element is one of a BSON document; text is empty unless it is a string.
type element struct{ name, text string }

const maxElements = 32

// bsonRead reads the first elements of a document (bsonspec.org), up to one of
// a kind that it does not know. What is cut off ends it.
func bsonRead(b []byte) (out []element) {
	if len(b) < 5 {
		return nil
	}
	b = b[4:]
	for len(out) < maxElements && len(b) > 1 && b[0] != 0 {
		kind := b[0]
		name, value, ok := bytes.Cut(b[1:], []byte{0})
		if !ok {
			break
		}
		e := element{name: string(name)}
		size := bsonSize(kind, value)
		if kind == 2 && size > 4 && size <= len(value) {
			e.text = string(value[4 : size-1])
		}
		out = append(out, e)
		if size < 0 || size > len(value) {
			break
		}
		b = value[size:]
	}
	return out
}

// bsonSize is how many bytes a value has; negative if that is unknown.
func bsonSize(kind byte, value []byte) int {
	length := func(more int64) int {
		if len(value) < 4 {
			return -1
		}
		return int(min(int64(binary.LittleEndian.Uint32(value))+more, math.MaxInt32))
	}
	switch kind {
	case 1, 9, 17, 18: // double, date, timestamp, int64
		return 8
	case 2: // string
		return length(4)
	case 3, 4: // document, array
		return length(0)
	case 5: // binary
		return length(5)
	case 7: // ObjectId
		return 12
	case 8: // boolean
		return 1
	case 10: // null
		return 0
	case 16: // int32
		return 4
	}
	return -1
}

// bsonReply is what a command is answered.
func bsonReply(command string, millis int64) string {
	ok := bsonDouble("ok", 1)
	switch command {
	case "hello", "ismaster":
		return bsonDocument(bsonBool("ismaster", true), bsonBool("isWritablePrimary", true), bsonInt("maxBsonObjectSize", 16<<20),
			bsonInt("maxMessageSizeBytes", maxMongo), bsonInt("maxWriteBatchSize", 100000), bsonDate("localTime", millis),
			bsonInt("minWireVersion", 0), bsonInt("maxWireVersion", 17), bsonBool("readOnly", false), ok)
	case "listdatabases":
		return bsonDocument("\x04databases\x00"+bsonDocument(), bsonDouble("totalSize", 0), ok)
	case "find", "listcollections", "aggregate", "listindexes":
		return bsonDocument("\x03cursor\x00"+bsonDocument("\x04firstBatch\x00"+bsonDocument(), "\x12id\x00"+strings.Repeat("\x00", 8), bsonString("ns", "admin.none")), ok)
	case "saslstart":
		return bsonDocument(bsonDouble("ok", 0), bsonString("errmsg", "Authentication failed."), bsonInt("code", 18), bsonString("codeName", "AuthenticationFailed"))
	case "buildinfo":
		return bsonDocument(bsonString("version", "6.0.14"), ok)
	}
	return bsonDocument(bsonInt("n", 1), ok)
}

func bsonDocument(elements ...string) string {
	body := strings.Join(elements, "")
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)+5))) + body + "\x00"
}

func bsonInt(name string, v uint32) string {
	return "\x10" + name + "\x00" + string(binary.LittleEndian.AppendUint32(nil, v))
}

func bsonDouble(name string, v float64) string {
	return "\x01" + name + "\x00" + string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func bsonDate(name string, millis int64) string {
	return "\x09" + name + "\x00" + string(binary.LittleEndian.AppendUint64(nil, uint64(millis)))
}

func bsonString(name, v string) string {
	return "\x02" + name + "\x00" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(v)+1))) + v + "\x00"
}

func bsonBool(name string, v bool) string {
	if v {
		return "\x08" + name + "\x00\x01"
	}
	return "\x08" + name + "\x00\x00"
}
