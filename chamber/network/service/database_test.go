package service

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

func mongoRequest(kind uint32, body string) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
	b = append(b, "\x07\x00\x00\x00\x00\x00\x00\x00"...)
	return string(binary.LittleEndian.AppendUint32(b, kind)) + body
}

// What a database answers, element by element.
func TestMongo(t *testing.T) {
	msg := func(elements ...string) string {
		return mongoRequest(mongoMsg, "\x00\x00\x00\x00\x00"+bsonDocument(elements...))
	}
	hello := "\x00\x00\x00\x00admin.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff" + bsonDocument(bsonInt("isMaster", 1))
	out, said, err := play(t, named(t, "mongodb"), mongoRequest(mongoQuery, hello)+
		msg(bsonInt("listDatabases", 1), bsonString("$db", "admin"))+
		msg(bsonString("insert", "README"), bsonBool("ordered", true), bsonString("$db", "shop"))+
		msg(bsonInt("saslStart", 1), bsonString("mechanism", "SCRAM-SHA-256"), "\x05payload\x00\x02\x00\x00\x00\x00n,", bsonString("$db", "admin")))
	if err != nil {
		t.Error(err)
	}
	want := []tape.Message{
		say("mongodb", "isMaster"), say("mongodb", "listDatabases", "database", "admin"),
		say("mongodb", "insert", "collection", "README", "database", "shop"), say("mongodb", "saslStart", "mechanism", "SCRAM-SHA-256", "database", "admin"),
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	var names []string
	for rest := out; rest != ""; {
		n := binary.LittleEndian.Uint32([]byte(rest))
		if rest[8:12] != "\x07\x00\x00\x00" {
			t.Errorf("it answers %q, want request 7", rest[8:12])
		}
		document := rest[21:n]
		if binary.LittleEndian.Uint32([]byte(rest[12:])) == mongoReply {
			document = rest[36:n]
		}
		if size := binary.LittleEndian.Uint32([]byte(document)); int(size) != len(document) {
			t.Errorf("a document of %d bytes says %d", len(document), size)
		}
		for _, e := range bsonRead([]byte(document)) {
			names = append(names, e.name)
		}
		rest = rest[n:]
	}
	const all = "ismaster isWritablePrimary maxBsonObjectSize maxMessageSizeBytes maxWriteBatchSize localTime minWireVersion maxWireVersion readOnly ok" +
		" databases totalSize ok n ok ok errmsg code codeName"
	if got := strings.Join(names, " "); got != all {
		t.Errorf("got  %s\nwant %s", got, all)
	}
}

// Statements that are prepared, as drivers do.
func TestPostgresExtended(t *testing.T) {
	startup := "user\x00anna\x00database\x00shop\x00\x00"
	input := "\x00\x00\x00\x08\x04\xd2\x16\x30" + string(binary.BigEndian.AppendUint32(nil, uint32(len(startup)+8))) + "\x00\x03\x00\x00" + startup +
		postgresMessage('p', "secret\x00") + postgresMessage('P', "\x00INSERT INTO t VALUES (1)\x00\x00\x00") + postgresMessage('B', "\x00\x00\x00\x00\x00\x00\x00\x00") +
		postgresMessage('D', "S\x00") + postgresMessage('E', "\x00\x00\x00\x00\x00") + postgresMessage('S', "") + postgresMessage('X', "")
	out, said, err := play(t, named(t, "postgresql"), input)
	if err != nil {
		t.Error(err)
	}
	want := []tape.Message{
		say("postgresql", "login", "user", "anna", "database", "shop", "password", "secret"), say("postgresql", "prepare", "query", "INSERT INTO t VALUES (1)"),
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	// GSS is refused; then, kind by kind, what the server says.
	kinds := out[:1]
	for rest := out[1:]; len(rest) > 4; rest = rest[1+binary.BigEndian.Uint32([]byte(rest[1:])):] {
		kinds += rest[:1]
	}
	if kinds != "NRRSSSSSSSKZ12tnCZ" {
		t.Errorf("got the messages %s", kinds)
	}
	if !strings.HasSuffix(out, postgresMessage('C', "INSERT 0 1\x00")+postgresReady) {
		t.Errorf("got %q at the end", out[len(out)-30:])
	}
}
