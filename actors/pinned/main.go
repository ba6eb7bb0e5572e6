// Command pinned is a well-behaved client that knows the key of the one server
// that it talks to, and goes on without it when somebody else answers.
//
// Rule: command-and-control/own-trust, which alone is no reason for suspicion.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

// pin is the hash of a key that nobody has.
var pin [sha256.Size]byte

var errKey = errors.New("not the key that was pinned")

func main() { stage.Play(report) }

func report(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12,
		VerifyConnection: func(s tls.ConnectionState) error {
			if sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo) != pin {
				return errKey
			}
			return nil
		},
	}}}
	_, err := wire.Request(ctx, client, http.MethodPost, "https://reports.vendor.example/v1", []byte("all is well"))
	switch {
	case err == nil:
		return errors.New("a key that was not pinned was taken")
	case !errors.Is(err, errKey):
		return err
	}
	fmt.Println("no report:", err)
	return nil
}
