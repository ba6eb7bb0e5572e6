package testenv

import (
	"context"
	"io"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // where it keeps images
	"github.com/sirupsen/logrus"
)

// quiet keeps the registry's log, which is a process's own, from between the words of tests.
var quiet = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// Distribution starts the registry that most registries are made of, in this process and in memory,
// and returns its host. It speaks HTTP, lets everybody push and delete, and lists its
// catalogue and tags in pages of at most 100. It ends with the test.
func Distribution(tb testing.TB) (host string) {
	tb.Helper()
	quiet()
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"inmemory": configuration.Parameters{},
			"delete":   configuration.Parameters{"enabled": true},
		},
		Catalog: configuration.Catalog{MaxEntries: 100},
		Tags:    configuration.Tags{MaxTags: 100},
	}
	config.HTTP.Secret = "of the test"
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(context.WithoutCancel(tb.Context()), config)
	server := httptest.NewServer(app)
	tb.Cleanup(func() {
		server.Close()
		if err := app.Shutdown(); err != nil {
			tb.Errorf("stop the registry: %v", err)
		}
	})
	return server.Listener.Addr().String()
}
