package secret

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/testenv"
)

// BenchmarkSecrets looks through the texts of a Debian root with many servers, and
// lets gitleaks' own detector do so with a part of them. "cpu-s/100MB" is the processor
// time for 100 MB of text; the budget of the analyzer is one second.
func BenchmarkSecrets(b *testing.B) {
	texts := textsOf(b, testenv.DebianCrowd(b))
	r, err := loaded()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		measure(b, texts, func(text []byte) {
			if _, err := r.find(b.Context(), bytes.NewReader(text), int64(len(text))); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("gitleaks", func(b *testing.B) {
		reference := theirs(b)
		var some [][]byte
		for i := 0; i < len(texts); i += 16 {
			some = append(some, texts[i])
		}
		measure(b, some, func(text []byte) { reference(text) })
	})
}

func measure(b *testing.B, texts [][]byte, look func([]byte)) {
	size := int64(0)
	for _, text := range texts {
		size += int64(len(text))
	}
	b.SetBytes(size)
	before := processorTime(b)
	for b.Loop() {
		for _, text := range texts {
			look(text)
		}
	}
	spent := processorTime(b) - before
	b.ReportMetric(spent.Seconds()/float64(b.N)/float64(size)*1e8, "cpu-s/100MB")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func textsOf(b *testing.B, file string) (texts [][]byte) {
	in, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		b.Fatal(err)
	}
	for root := tar.NewReader(z); ; {
		h, err := root.Next()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			b.Fatal(err)
		}
		if text, err := io.ReadAll(root); err != nil {
			b.Fatal(err)
		} else if h.Typeflag == tar.TypeReg && isText(content.Type(text[:min(len(text), content.HeadSize)])) {
			texts = append(texts, text)
		}
	}
}
