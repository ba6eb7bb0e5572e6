// Command socksy reaches a web server through a SOCKS proxy of its own choice.
//
// Rule: command-and-control/proxy, which alone is no reason for suspicion.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(ask) }

func ask(ctx context.Context) error {
	proxy := &url.URL{Scheme: "socks5h", Host: wire.Stranger + ":1080"}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	answer, err := wire.Request(ctx, client, http.MethodGet, "http://behind.example/", nil)
	if err != nil {
		return err
	}
	fmt.Printf("%d bytes through the proxy\n", len(answer))
	return nil
}
