package detonate

import "github.com/detonaut/detonaut/chamber/plan"

// systemBundles are the files in which distributions keep the certificates that
// every program trusts, in the order of Go's crypto/x509 (root_linux.go). An
// image without any of them has no store of its own.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Alpine, Arch, Gentoo, Wolfi, Void, distroless, Nix
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL, CentOS, Amazon, Oracle, Photon
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/pki/tls/cacert.pem",                           // OpenELEC, Mageia
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora and kin
	"/etc/ssl/cert.pem",                                 // Alpine, and OpenSSL wherever its directory is /etc/ssl
}

// otherBundles have the same in other places or forms.
var otherBundles = []string{
	"/etc/pki/tls/cert.pem",                                   // OpenSSL of Fedora and kin
	"/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", // the same
	"/usr/share/pki/ca-trust-legacy/ca-bundle.legacy.default.crt",
	"/etc/ssl/certs/ca-bundle.crt",                     // Nix
	"/etc/ssl1.1/cert.pem",                             // Alpine up to 3.17
	"/usr/lib/ssl/cert.pem",                            // OpenSSL of Debian
	"/usr/local/ssl/cert.pem",                          // OpenSSL built by hand
	"/var/lib/ca-certificates/ca-bundle.pem",           // SUSE
	"/etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
	"/var/cache/ca-certs/anchors/ca-roots.pem",         // Clear Linux
	"/var/cache/ca-certs/compat/ca-roots.pem",          // Clear Linux
	"/usr/share/ssl/certs/ca-bundle.crt",               // Red Hat of old
}

// anchorDirs are read by what makes the stores anew, such as
// update-ca-certificates in the entrypoint of an image, and by p11-kit: a file
// of PEM in them is one more CA.
var anchorDirs = []string{
	"/usr/local/share/ca-certificates",                // Debian, Alpine
	"/etc/pki/ca-trust/source/anchors",                // Fedora and kin
	"/usr/share/pki/ca-trust-source/anchors",          // Fedora and kin
	"/etc/pki/trust/anchors",                          // SUSE
	"/usr/share/pki/trust/anchors",                    // SUSE
	"/etc/ca-certificates/trust-source/anchors",       // Arch
	"/usr/share/ca-certificates/trust-source/anchors", // Arch
}

// madeStores are made where an image has no store of its own: for Go and curl,
// for OpenSSL with its own paths, and for OpenSSL of Debian, which looks in a
// directory only.
var madeStores = []plan.TrustStore{
	{Path: "/etc/ssl/certs/ca-certificates.crt", Kind: plan.PEMFile},
	{Path: "/etc/ssl/cert.pem", Kind: plan.PEMFile},
	{Path: "/etc/ssl/certs", Kind: plan.HashedDir},
}

const (
	// caFile is what an administrator might call the CA of a company.
	caFile = "internal-root-ca.crt"
	// extraCAFile is what NODE_EXTRA_CA_CERTS names.
	extraCAFile = "/usr/local/share/ca-certificates/" + caFile
)

// fileVariables name a file of certificates, and dirVariables directories of
// them, separated by colons.
var (
	fileVariables = []string{
		"SSL_CERT_FILE", "NIX_SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE",
		"GIT_SSL_CAINFO", "PIP_CERT", "npm_config_cafile", "NPM_CONFIG_CAFILE", "DENO_CERT", "CARGO_HTTP_CAINFO",
		"BUNDLE_SSL_CA_CERT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "HTTPLIB2_CA_CERTS", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
		"HTTPS_CA_FILE", "PERL_LWP_SSL_CA_FILE", "COMPOSER_CAFILE", "ELECTRON_EXTRA_CA_CERTS",
	}
	dirVariables = []string{"SSL_CERT_DIR", "GIT_SSL_CAPATH", "HTTPS_CA_DIR", "PERL_LWP_SSL_CA_PATH"}
)

// mountedOver are directories of the image that the subject does not see.
var mountedOver = []string{"dev", "proc", "sys"}
