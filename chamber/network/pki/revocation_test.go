package pki

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ocsp"
)

func TestOCSP(t *testing.T) {
	a := authority(t)
	leaf, err := a.Leaf("example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	ca, cert := file(t, "ca.pem", a.PEM()), file(t, "leaf.pem", encode("CERTIFICATE", leaf.Certificate[0]))
	for _, hash := range []string{"-sha1", "-sha256"} {
		name := filepath.Join(t.TempDir(), "request")
		run(t, "openssl", "ocsp", "-issuer", ca, hash, "-cert", cert, "-reqout", name)
		request, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		byGet := "/" + url.PathEscape(base64.StdEncoding.EncodeToString(request))
		for path, body := range map[string][]byte{"/": request, byGet: nil} {
			_, response, ok := a.Answer(OCSPHost, path, body)
			if !ok {
				t.Fatal("no answer")
			}
			got := run(t, "openssl", "ocsp", "-issuer", ca, hash, "-cert", cert, "-CAfile", ca, "-respin", file(t, "response", response))
			if !strings.Contains(got, "leaf.pem: good") || !strings.Contains(got, "Response verify OK") {
				t.Errorf("%s by %s: %s", hash, path, got)
			}
		}
	}
}

func TestOCSPRefused(t *testing.T) {
	a, b := authority(t), authority(t)
	leaf, err := b.Leaf("example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ocsp.CreateRequest(leaf.Leaf, b.Certificate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ request, want []byte }{
		"nothing":      {nil, ocsp.MalformedRequestErrorResponse},
		"no request":   {[]byte("GET /"), ocsp.MalformedRequestErrorResponse},
		"too long":     {make([]byte, maxOCSP+1), ocsp.MalformedRequestErrorResponse},
		"another's CA": {stranger, ocsp.UnauthorizedErrorResponse},
	} {
		got, err := a.OCSP(tc.request)
		if err == nil || !bytes.Equal(got, tc.want) {
			t.Errorf("%s: got %x and error %v, want %x and one", name, got, err, tc.want)
		}
	}
}

func TestCRL(t *testing.T) {
	a := authority(t)
	leaf, err := a.Leaf("example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := leaf.Leaf.CRLDistributionPoints[0]; got != "http://"+CAHost+CRLPath {
		t.Errorf("CRL at %s", got)
	}
	_, crl, ok := a.Answer(CAHost, CRLPath, nil)
	if !ok {
		t.Fatal("no answer")
	}
	run(t, "openssl", "verify", "-crl_check", "-purpose", "sslserver", "-verify_hostname", "example.com",
		"-CAfile", file(t, "ca.pem", a.PEM()), "-CRLfile", file(t, "crl.pem", encode("X509 CRL", crl)),
		file(t, "leaf.pem", encode("CERTIFICATE", leaf.Certificate[0])))
}

func TestAnswer(t *testing.T) {
	a := authority(t)
	if _, got, ok := a.Answer(CAHost, CAPath, nil); !ok || !bytes.Equal(got, a.Certificate().Raw) {
		t.Errorf("the CA's certificate: %v", ok)
	}
	for host, path := range map[string]string{CAHost: "/", "example.com": CRLPath} {
		if _, _, ok := a.Answer(host, path, nil); ok {
			t.Errorf("an answer of %s to %s", host, path)
		}
	}
}

func FuzzOCSP(f *testing.F) {
	a := authority(f)
	leaf, err := a.Leaf("example.com", nil)
	if err != nil {
		f.Fatal(err)
	}
	request, err := ocsp.CreateRequest(leaf.Leaf, a.Certificate(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request)
	f.Fuzz(func(t *testing.T, b []byte) {
		response, err := a.OCSP(b)
		if len(response) == 0 {
			t.Fatal("no response")
		}
		if _, perr := ocsp.ParseResponse(response, a.Certificate()); (perr == nil) != (err == nil) {
			t.Errorf("error %v, but the response says %v", err, perr)
		}
	})
}
