package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"

	"golang.org/x/crypto/ocsp"
)

// maxOCSP is the most bytes of a request; one for a certificate has about 100.
const maxOCSP = 4 << 10

// Answer says what the hosts of the CA answer to a GET of path, which is as on
// the wire, or to a POST of body; ok is false if there is nothing.
func (a *Authority) Answer(host, path string, body []byte) (contentType string, response []byte, ok bool) {
	switch {
	case host == OCSPHost:
		request := body
		if len(request) == 0 { // as RFC 6960, appendix A.1, has it
			request = inPath(path)
		}
		response, _ = a.OCSP(request) // says in itself what was wrong
		return "application/ocsp-response", response, true
	case host == CAHost && path == CAPath:
		return "application/pkix-cert", a.root.cert.Raw, true
	case host == CAHost && path == CRLPath:
		crl, err := a.CRL()
		return "application/pkix-crl", crl, err == nil
	}
	return "", nil, false
}

// inPath is the request of OCSP in the path of a GET; nil for none.
func inPath(path string) []byte {
	text, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil
	}
	request, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return request
}

// OCSP answers a request: every certificate of the CA is good. The response is
// to be sent even if there is an error, which says what was wrong.
func (a *Authority) OCSP(request []byte) (response []byte, err error) {
	if len(request) > maxOCSP {
		return ocsp.MalformedRequestErrorResponse, fmt.Errorf("parse OCSP request: more than %d bytes", maxOCSP)
	}
	r, err := ocsp.ParseRequest(request)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, fmt.Errorf("parse OCSP request: %w", err)
	}
	ours, err := a.issued(r)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, err
	}
	if !ours {
		return ocsp.UnauthorizedErrorResponse, errors.New("answer OCSP request: another CA's certificate")
	}
	response, err = ocsp.CreateResponse(a.root.cert, a.root.cert, ocsp.Response{
		Status:       ocsp.Good,
		SerialNumber: r.SerialNumber,
		ThisUpdate:   a.now.Truncate(day),
		NextUpdate:   a.now.Truncate(day).Add(7 * day),
		IssuerHash:   r.HashAlgorithm,
	}, a.key)
	if err != nil {
		return ocsp.InternalErrorErrorResponse, fmt.Errorf("make OCSP response: %w", err)
	}
	return response, nil
}

// issued tells whether a request is about a certificate of the CA.
func (a *Authority) issued(r *ocsp.Request) (bool, error) {
	var info struct {
		Algorithm asn1.RawValue
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(a.root.cert.RawSubjectPublicKeyInfo, &info); err != nil {
		return false, fmt.Errorf("parse the CA's key: %w", err)
	}
	if !r.HashAlgorithm.Available() {
		return false, fmt.Errorf("parse OCSP request: no hash %v", r.HashAlgorithm)
	}
	return bytes.Equal(r.IssuerNameHash, sum(r.HashAlgorithm, a.root.cert.RawSubject)) &&
		bytes.Equal(r.IssuerKeyHash, sum(r.HashAlgorithm, info.PublicKey.RightAlign())), nil
}

func sum(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

// CRL is the list of revoked certificates, which has none.
func (a *Authority) CRL() ([]byte, error) { return a.crl() }

func (a *Authority) makeCRL() ([]byte, error) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number:     big.NewInt(a.now.Unix() / int64(day.Seconds())), // one a day
		ThisUpdate: a.now.Truncate(day),
		NextUpdate: a.now.Truncate(day).Add(30 * day),
	}, a.root.cert, a.key)
	if err != nil {
		return nil, fmt.Errorf("make CRL: %w", err)
	}
	return der, nil
}
