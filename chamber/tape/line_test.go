package tape_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

func TestLine(t *testing.T) {
	for _, want := range samples(t) {
		text := encode(t, want)
		l, err := tape.ParseLine(text)
		if err != nil {
			t.Fatalf("%s: %v", want.Kind, err)
		}
		if l.Seq != want.Seq || l.Time != want.Time || l.Kind != want.Kind {
			t.Errorf("got the head %d %d %s, want %d %d %s", l.Seq, l.Time, l.Kind, want.Seq, want.Time, want.Kind)
		}
		if diff := cmp.Diff(string(text), string(l.Append(nil))); diff != "" {
			t.Errorf("%s came out otherwise (-in +out):\n%s", want.Kind, diff)
		}
		l.Seq, l.Time = l.Seq+5, l.Time+7
		renumbered := *want
		renumbered.Seq, renumbered.Time = l.Seq, l.Time
		got, err := l.Decode()
		if err != nil {
			t.Fatalf("%s: %v", want.Kind, err)
		}
		if diff := cmp.Diff(&renumbered, got); diff != "" {
			t.Errorf("%s renumbered (-want +got):\n%s", want.Kind, diff)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":           "",
		"no newline":        `{"seq":1,"t":2,"kind":"run.end"}`,
		"newline inside":    "{\"seq\":1,\"t\":2,\"kind\":\"run.end\"\n}\n",
		"no closing brace":  "{\"seq\":1,\"t\":2,\"kind\":\"run.end\"\n",
		"another order":     "{\"t\":2,\"seq\":1,\"kind\":\"run.end\"}\n",
		"no time":           "{\"seq\":1,\"kind\":\"run.end\"}\n",
		"no kind":           "{\"seq\":1,\"t\":2}\n",
		"kind without end":  "{\"seq\":1,\"t\":2,\"kind\":\"run.end}\n",
		"escaped kind":      "{\"seq\":1,\"t\":2,\"kind\":\"run\\u002eend\"}\n",
		"negative number":   "{\"seq\":-1,\"t\":2,\"kind\":\"run.end\"}\n",
		"number too large":  "{\"seq\":99999999999999999999,\"t\":2,\"kind\":\"run.end\"}\n",
		"time too large":    "{\"seq\":1,\"t\":99999999999999999999,\"kind\":\"run.end\"}\n",
		"longer than bound": "{\"seq\":1,\"t\":2,\"kind\":\"" + string(bytes.Repeat([]byte("x"), tape.MaxLine)) + "\"}\n",
	} {
		if l, err := tape.ParseLine([]byte(line)); !errors.Is(err, tape.ErrInvalid) {
			t.Errorf("%s: got %+v and %v, want %v", name, l, err, tape.ErrInvalid)
		}
	}
}
