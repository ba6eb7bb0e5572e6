package image

import (
	"context"
	"fmt"
	"os"

	"github.com/detonaut/detonaut"
)

// childEnv makes the test binary pull this ref instead of testing; childCache
// is the cache it uses.
const (
	childEnv   = "DETONAUT_TEST_PULL"
	childCache = "DETONAUT_TEST_CACHE"
)

// childMain is the second process: it pulls, says the digest, and keeps the
// image until its standard input ends.
func childMain() {
	img, err := Pull(context.Background(), detonaut.Ref(os.Getenv(childEnv)),
		Options{CacheDir: os.Getenv(childCache), Platform: "linux/amd64"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(img.Digest)
	_, _ = os.Stdin.Read(make([]byte, 1))
	if err := img.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
