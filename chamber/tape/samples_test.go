package tape_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/chamber/tape"
)

// samples returns a whole tape with an event of every kind, each with every
// field of its payload set.
func samples(tb testing.TB) []*tape.Event {
	tb.Helper()
	kinds := []tape.Kind{tape.RunStart}
	for _, k := range append(tape.Kinds(), tape.CallPrefix+"ptrace") {
		if k != tape.RunStart && k != tape.RunEnd {
			kinds = append(kinds, k)
		}
	}
	kinds = append(kinds, tape.RunEnd)
	var events []*tape.Event
	for i, k := range kinds {
		ev := &tape.Event{
			Seq: uint64(i) + 1, Time: int64(i) * 1000, Kind: k,
			PID: 7, TID: 8, Count: 3, Errno: "ENOENT", Cut: true, Flow: 9,
		}
		fill(tb, payloadOf(tb, ev))
		if ev.Start != nil {
			ev.Start.Version = tape.Version
		}
		events = append(events, ev)
	}
	return events
}

// payloadOf sets the payload that belongs to the kind of ev, and returns it.
func payloadOf(tb testing.TB, ev *tape.Event) reflect.Value {
	tb.Helper()
	family, deed, _ := strings.Cut(string(ev.Kind), ".")
	switch family {
	case "run":
		family = deed
	case "flow":
		family = "flow_end"
	}
	v := reflect.ValueOf(ev).Elem()
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name == family {
			v.Field(i).Set(reflect.New(v.Field(i).Type().Elem()))
			return v.Field(i).Elem()
		}
	}
	tb.Fatalf("no field of Event is the payload of %s", ev.Kind)
	panic("unreachable")
}

// fill sets everything in v to something that is not zero.
func fill(tb testing.TB, v reflect.Value) {
	tb.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(tb, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(tb, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(tb, v.Index(0))
		fill(tb, v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(tb, key)
		fill(tb, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("näme \"<&>\" \u2028 \x00\x1b[31m")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-1 << 31)
	case reflect.Uint16:
		v.SetUint(1<<16 - 1)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1<<32 - 1)
	default:
		tb.Fatalf("a field of kind %s: fill does not know it", v.Kind())
	}
}

// encode returns events as a tape, which they need not make.
func encode(tb testing.TB, events ...*tape.Event) []byte {
	tb.Helper()
	var b bytes.Buffer
	enc := tape.NewEncoder(&b)
	for _, ev := range events {
		if err := enc.Record(ev); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}
