package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/rulepack"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/store"
)

// Exit codes; docs/cli.md.
const (
	exitDone       = 0
	exitError      = 1
	exitFailOn     = 2
	exitIncomplete = 3
)

// exitCode ends a command with a code and nothing more to say.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// err is c as an error; nil when all is done.
func (c exitCode) err() error {
	if c == exitDone {
		return nil
	}
	return c
}

// worst returns the worse of two exit codes: our error leaves results missing,
// so it outweighs what the other results say.
func worst(a, b exitCode) exitCode {
	order := map[exitCode]int{exitDone: 0, exitIncomplete: 1, exitFailOn: 2, exitError: 3}
	if order[b] > order[a] {
		return b
	}
	return a
}

// exit shows err and turns it into an exit code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitDone
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	a.showError(err)
	return exitError
}

// showError shows an error and what to do about it. The text may have strings
// of the subject in it.
func (a *app) showError(err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	fmt.Fprintf(a.stderr, "detonaut: error: %s\n", report.Escape(text))
	if h := hint(err); h != "" {
		fmt.Fprintf(a.stderr, "detonaut: hint: %s\n", h)
	}
}

// hint says what to do about an error; "" where there is nothing to say.
func hint(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, rulepack.ErrUntrusted):
		return "get the key of whoever publishes the pack from them, by another way than the pack; docs/rule-packs.md tells more"
	case errors.Is(err, detonaut.ErrUsage):
		return "detonaut COMMAND --help shows how a command is used"
	case errors.Is(err, detonaut.ErrUnauthorized):
		return "log in with docker login, or check the credentials in ~/.docker/config.json"
	case errors.Is(err, vuln.ErrNone):
		return "detonaut db update gets one; without a network detonaut db import FILE takes one"
	case errors.Is(err, store.ErrConflict):
		return "detonaut survey show NAME and detonaut queue show ID tell how far it is"
	case errors.Is(err, detonaut.ErrNotFound):
		return "check the spelling of the name or the path"
	case errors.Is(err, detonaut.ErrPlatform):
		return "choose a platform that the image has with --platform OS/ARCH"
	case errors.Is(err, detonaut.ErrUnsupported):
		return "detonaut reads OCI and Docker images: from registries, OCI layouts, archives and the Docker daemon"
	case errors.Is(err, detonaut.ErrCorrupt):
		return "the bytes are not what they claim to be: get them again, and do not trust their source if it stays so"
	case errors.Is(err, detonaut.ErrLimit):
		return "detonaut config shows the limits; raise this one if the image may cost that much"
	case errors.Is(err, detonaut.ErrSandbox):
		return "detonaut doctor tells what this machine lacks"
	case errors.Is(err, context.DeadlineExceeded):
		return "try again; the other side did not answer in time"
	case errors.Is(err, syscall.ENOSPC):
		return "free some space; --cache puts the pulled images elsewhere, --db-dir the vulnerability databases, --blobs the artifacts"
	}
	return dialHint(err)
}

// dialHint says what to do when nobody answers.
func dialHint(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "check the spelling of the host, and this machine's DNS and proxy settings"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "nobody answers there: check the address, and that the server or daemon runs"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "a registry without TLS has to be named with --plain-http HOST:PORT"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "let this machine trust who signed the certificate, or name the registry with --insecure HOST:PORT"
	}
	return ""
}
