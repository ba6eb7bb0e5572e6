package pki

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
)

// Rejected tells whether a handshake failed because the client would not have
// our certificate. That can only be told for sure of a client that says so; but
// one that was shown a certificate, and then leaves, will seldom have another
// reason. In TLS 1.3 OpenSSL sends its alert in the clear, which looks like a
// damaged record.
func Rejected(err error, shown bool) bool {
	if err == nil || late(err) {
		return false
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		switch op.Op {
		case "remote error":
			return shown || is(op.Err, certificateAlerts)
		case "local error":
			return shown && is(op.Err, damageAlerts)
		}
	}
	return shown && left(err)
}

// Alerts of RFC 8446, section 6.2.
var (
	// bad_certificate to certificate_unknown, unknown_ca, access_denied and
	// bad_certificate_status_response.
	certificateAlerts = []tls.AlertError{42, 43, 44, 45, 46, 48, 49, 113}
	// unexpected_message and bad_record_mac.
	damageAlerts = []tls.AlertError{10, 20}
)

// is tells whether err is one of the alerts. crypto/tls has a type of its own
// for them, which has the same text as the exported one.
func is(err error, alerts []tls.AlertError) bool {
	return slices.ContainsFunc(alerts, func(a tls.AlertError) bool { return a.Error() == err.Error() })
}

// late tells whether it was us who stopped waiting.
func late(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed)
}

// left tells whether the client closed or reset the connection. Those of the
// userspace stack have no errno, but the text of one.
func left(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		strings.Contains(err.Error(), syscall.ECONNRESET.Error())
}
