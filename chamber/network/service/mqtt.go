package service

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// Packets of MQTT, in the upper half of their first byte.
const (
	mqttConnect     = 1
	mqttPublish     = 3
	mqttPubRel      = 6
	mqttSubscribe   = 8
	mqttUnsubscribe = 10
	mqttPing        = 12
	mqttDisconnect  = 14
)

// matchMQTT recognises CONNECT: its length, and the protocol's name.
func matchMQTT(head []byte) Recognition {
	if len(head) > 0 && head[0] != mqttConnect<<4 {
		return No
	}
	for i := 1; i <= 4; i++ {
		if len(head) <= i {
			return More
		}
		if head[i] < 0x80 {
			return matchPrefix("\x00\x04MQTT", "\x00\x06MQIsdp")(head[i+1:])
		}
	}
	return No
}

// mqtt is a broker that takes every user and delivers nothing (MQTT 3.1, 3.1.1
// and 5).
func mqtt(s *Session) error {
	version := byte(4)
	for {
		kind, flags, body, err := mqttRead(s)
		if err != nil {
			return err
		}
		reply := ""
		switch kind {
		case mqttConnect:
			if version, err = mqttHello(s, body); err != nil {
				return err
			}
			reply = "\x20\x02\x00\x00" // accepted
			if version >= 5 {
				reply = "\x20\x03\x00\x00\x00"
			}
		case mqttPublish:
			reply = mqttPublished(s, flags, body, version)
		case mqttPubRel:
			if len(body) >= 2 {
				reply = "\x70\x02" + string(body[:2])
			}
		case mqttSubscribe, mqttUnsubscribe:
			reply = mqttTopics(s, kind, body, version)
		case mqttPing:
			reply = "\xd0\x00"
		case mqttDisconnect:
			return nil
		}
		if err := s.write(reply); err != nil {
			return err
		}
	}
}

// mqttRead reads a packet: kind and flags, a length in groups of seven bits,
// the lowest first, and the rest.
func mqttRead(s *Session) (kind, flags byte, body []byte, err error) {
	b, err := s.take(1)
	if err != nil {
		return 0, 0, nil, err
	}
	kind, flags = b[0]>>4, b[0]&0xf
	n := 0
	for shift := 0; shift <= 21; shift += 7 {
		if b, err = s.take(1); err != nil {
			return 0, 0, nil, err
		}
		n |= int(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			body, err = s.take(n)
			return kind, flags, body, err
		}
	}
	return 0, 0, nil, errMalformed
}

// mqttFields takes fields off a packet; once one is cut off, all are empty.
type mqttFields struct{ b []byte }

func (f *mqttFields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.b = nil
		return nil
	}
	out := f.b[:n]
	f.b = f.b[n:]
	return out
}

func (f *mqttFields) number() int {
	b := f.take(2)
	if b == nil {
		return 0
	}
	return int(binary.BigEndian.Uint16(b))
}

func (f *mqttFields) text() string { return string(f.take(f.number())) }

// properties leaves out those of version 5.
func (f *mqttFields) properties(version byte) {
	if version < 5 {
		return
	}
	n := 0
	for shift := 0; shift <= 21; shift += 7 {
		b := f.take(1)
		if b == nil {
			return
		}
		n |= int(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			break
		}
	}
	f.take(n)
}

// mqttHello reads CONNECT: protocol, version, flags, time, and what the flags
// say is there.
func mqttHello(s *Session, body []byte) (version byte, err error) {
	f := &mqttFields{body}
	f.text()
	head := f.take(4)
	if head == nil {
		return 0, errMalformed
	}
	version = head[0]
	has := func(bit byte) bool { return head[1]&bit != 0 }
	f.properties(version)
	fields := []string{"client", f.text()}
	if has(0x04) { // a last will
		f.properties(version)
		fields = append(fields, "topic", f.text(), "text", f.text())
	}
	if has(0x80) {
		fields = append(fields, "user", f.text())
	}
	if has(0x40) {
		fields = append(fields, "password", f.text())
	}
	s.say("connect", fields...)
	return version, nil
}

func mqttPublished(s *Session, flags byte, body []byte, version byte) string {
	f := &mqttFields{body}
	topic := f.text()
	var id []byte
	quality := flags >> 1 & 3
	if quality > 0 {
		id = bytes.Clone(f.take(2))
	}
	f.properties(version)
	s.say("publish", "topic", topic, "text", string(f.b))
	switch {
	case len(id) == 0:
		return ""
	case quality == 1:
		return "\x40\x02" + string(id)
	}
	return "\x50\x02" + string(id)
}

const maxTopics = 32 // of one request that are kept

// mqttTopics reads SUBSCRIBE or UNSUBSCRIBE and grants each topic.
func mqttTopics(s *Session, kind byte, body []byte, version byte) string {
	f := &mqttFields{body}
	id := f.take(2)
	if id == nil {
		return ""
	}
	f.properties(version)
	var topics []string
	for len(f.b) > 0 && len(topics) < maxTopics {
		topics = append(topics, f.text())
		if kind == mqttSubscribe {
			f.take(1)
		}
	}
	topics = slices.DeleteFunc(topics, func(t string) bool { return t == "" })
	granted := string(id)
	if version >= 5 {
		granted += "\x00"
	}
	if kind == mqttSubscribe || version >= 5 {
		granted += strings.Repeat("\x00", len(topics))
	}
	verb, tag := "subscribe", "\x90"
	if kind == mqttUnsubscribe {
		verb, tag = "unsubscribe", "\xb0"
	}
	s.say(verb, "topic", strings.Join(topics, " "))
	return tag + string([]byte{byte(len(granted))}) + granted
}
