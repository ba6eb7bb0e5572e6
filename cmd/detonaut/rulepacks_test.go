package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeKey is the command "key NAME": it makes NAME.pem and NAME.pub.pem, as openssl would.
func makeKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: key NAME")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	write := func(name, kind string, der []byte, err error) {
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	write(args[0]+".pem", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(public)
	write(args[0]+".pub.pem", "PUBLIC KEY", der, err)
}

// serve is the command "serve DIR": it serves the files of a directory at $SERVER, with
// ETags, for as long as the script runs.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve DIR")
	}
	dir := ts.MkAbs(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := os.ReadFile(filepath.Join(dir, filepath.Base(req.URL.Path)))
		if err != nil {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(b)))
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(b))
	}))
	ts.Defer(server.Close)
	ts.Setenv("SERVER", server.URL)
}
