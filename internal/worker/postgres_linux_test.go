package worker_test

import (
	"testing"

	"github.com/detonaut/detonaut/internal/testenv"
)

func TestPostgresTogether(t *testing.T) { together(t, testenv.PostgresURL(t)) }

func TestPostgresKilledWhileWriting(t *testing.T) { killedWhileWriting(t, testenv.PostgresURL(t)) }

// TestPostgresRestarts: workers wait for a database that is away, and lose nothing.
func TestPostgresRestarts(t *testing.T) {
	server := testenv.Postgres(t)
	s := newScene(t, server.URL(t), 90)
	a, b := s.process(), s.process()
	s.until("some are done", func() bool { return s.done() >= 20 })
	server.Stop(t)
	server.Start(t)
	s.until("all are done", func() bool { return s.done() == len(s.ids) })
	s.end(a)
	s.end(b)
	s.check()
}
