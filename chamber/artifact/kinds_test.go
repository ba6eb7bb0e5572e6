package artifact_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/artifact"
)

func TestKinds(t *testing.T) {
	for text, kinds := range map[string]artifact.Kinds{
		"capture,record,bodies,payloads": artifact.Everything, "payloads": artifact.Payloads, "record,bodies": artifact.Records | artifact.Bodies,
	} {
		if got, err := artifact.ParseKinds(text); err != nil || got != kinds || got.String() != text {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "payload", "payloads,", "payloads bodies"} {
		if got, err := artifact.ParseKinds(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

type choosy struct{ received }

func (*choosy) Wants() artifact.Kinds { return artifact.Records }

func TestWanted(t *testing.T) {
	for _, test := range []struct {
		sink artifact.Sink
		want artifact.Kinds
	}{{nil, 0}, {&received{}, artifact.Everything}, {&choosy{}, artifact.Records}} {
		if got := artifact.Wanted(test.sink); got != test.want {
			t.Errorf("%T: got %s, want %s", test.sink, got, test.want)
		}
	}
}

// TestOnly writes every kind, and shows that only those that are wanted are
// taken, and that a reader who wants others refuses them.
func TestOnly(t *testing.T) {
	for kind := artifact.Captures; kind < artifact.Everything; kind <<= 1 {
		limits := small.Only(kind)
		var stream bytes.Buffer
		w := artifact.NewWriter(&stream, limits)
		_, errCapture := w.Capture().Write([]byte("one"))
		_, errRecord := w.Record().Write([]byte("two"))
		var took artifact.Kinds
		for k, err := range map[artifact.Kinds]error{
			artifact.Captures: errCapture, artifact.Records: errRecord,
			artifact.Bodies: w.Blob([]byte("three")), artifact.Payloads: w.Payload(sha256.Sum256([]byte("four")), []byte("four")),
		} {
			if err == nil {
				took |= k
			}
			if w.Wants(k) != (k == kind) {
				t.Errorf("only %s: wants %s: %t", kind, k, w.Wants(k))
			}
		}
		if err := w.Close(); err != nil || took != kind {
			t.Errorf("only %s: took %s, %v", kind, took, err)
		}
		var got received
		if err := artifact.Read(bytes.NewReader(stream.Bytes()), &got, limits); err != nil {
			t.Errorf("only %s: %v", kind, err)
		}
		all := string(got.capture) + string(got.record)
		for _, whole := range append(got.blobs, got.payloads...) {
			all += whole
		}
		if want := map[artifact.Kinds]string{1: "one", 2: "two", 4: "three", 8: "four"}[kind]; all != want {
			t.Errorf("only %s: got %q, want %q", kind, all, want)
		}
		if err := artifact.Read(&stream, &received{}, small.Only(artifact.Everything&^kind)); !errors.Is(err, artifact.ErrBroken) {
			t.Errorf("all but %s: got %v, want %v", kind, err, artifact.ErrBroken)
		}
	}
	if diff := cmp.Diff(small, small.Only(artifact.Everything)); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
	if (*artifact.Writer)(nil).Wants(artifact.Everything) {
		t.Error("no stream wants something")
	}
}
