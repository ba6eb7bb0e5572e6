package pki

import (
	"bytes"
	"errors"
	"testing"

	"github.com/detonaut/detonaut/chamber/plan"
)

// fuzzEdit holds an edit to what it promises whatever the store is.
func fuzzEdit(f *testing.F, kind plan.StoreKind, seeds ...[]byte) {
	r := authority(f).root
	for _, b := range seeds {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, old []byte) {
		changed, err := r.Edit(kind, old)
		if err != nil {
			if !errors.Is(err, ErrStore) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		again, err := r.Edit(kind, changed)
		if err != nil || !bytes.Equal(changed, again) {
			t.Errorf("the second edit: error %v, or another result", err)
		}
		if len(changed) < len(old) {
			t.Error("something was lost")
		}
	})
}

func FuzzPEM(f *testing.F) { fuzzEdit(f, plan.PEMBundle, []byte("# x\n")) }

func FuzzTrustedPEM(f *testing.F) { fuzzEdit(f, plan.OpenSSLPEM, []byte("# x")) }

func FuzzJKS(f *testing.F) { fuzzEdit(f, plan.JKS, emptyJKS("changeit"), emptyJKS("")) }

func FuzzPKCS12(f *testing.F) {
	fuzzEdit(f, plan.PKCS12, emptyPKCS12(f, "changeit", 1, "1.3.14.3.2.26"), emptyPKCS12(f, "", 9, "2.16.840.1.101.3.4.2.3"))
}
