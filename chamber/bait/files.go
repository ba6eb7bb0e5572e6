package bait

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// A PlantedFile is a file with credentials, as their owner left it.
type PlantedFile struct {
	// Name is its path below the place that is planted; empty if it is that.
	Name    string
	Content []byte
	Mode    uint32
}

// Files are those of one kind of place, as package plan names it; none if it is
// not known. docs/baits.md says why each has the form that it has.
func (s *Set) Files(kind string) []PlantedFile {
	private := func(name, format string, args ...any) []PlantedFile {
		return []PlantedFile{{name, fmt.Appendf(nil, format, args...), 0o600}}
	}
	v, at := s.Value, s.scenery
	switch kind {
	case "aws":
		return private("credentials", "[%s-prod]\naws_access_key_id = %s\naws_secret_access_key = %s\n", at.account, v("aws-profile-key-id"), v("aws-profile-secret"))
	case "azure":
		return private("msal_token_cache.json", azureCache, at.uuids[0], at.uuids[1], v("azure-refresh-token"), at.uuids[0], at.uuids[1])
	case "bitcoin":
		return []PlantedFile{{"wallet.dat", s.wallet(), 0o600}}
	case "docker":
		return private("config.json", "{\n\t\"auths\": {\n\t\t\"registry.%s\": {\n\t\t\t\"auth\": \"%s\"\n\t\t}\n\t}\n}\n", at.domain, v("docker-config-auth"))
	case "electrum":
		return private("wallets/default_wallet", electrumWallet, v("electrum-key"))
	case "ethereum":
		return private("keystore/UTC--2025-03-11T09-42-17.283190554Z--"+at.address, ethereumKeystore, at.address, v("ethereum-key"), at.noise[:16], at.noise[16:48], at.noise[48:], at.uuids[2])
	case "firefox":
		return private("firefox/"+at.profile+".default-release/logins.json", firefoxLogins, at.domain, at.domain, at.user, v("firefox-password"), at.uuids[2])
	case "gcloud":
		return private("legacy_credentials/"+at.account+"@"+at.domain+"/adc.json", gcloudUser, v("gcloud-refresh-token"))
	case "git":
		return private("", "https://%s:%s@git.%s\n", at.account, v("github-token"), at.domain)
	case "kube":
		return private("config", kubeConfig, at.domain, at.account, v("kubeconfig-token"), at.account)
	case "mysql":
		return private("", "[client-%s]\nhost = mysql.%s\nuser = %s\npassword = %s\n", at.account, at.domain, at.account, v("mysql-password"))
	case "netrc":
		return private("", "machine artifacts.%s\nlogin %s\npassword %s\n", at.domain, at.account, v("netrc-password"))
	case "npm":
		return private("", "//npm.%s/:_authToken=%s\n", at.domain, v("npm-token"))
	case "pgpass":
		return private("", "postgres.%s:5432:%s:%s:%s\n", at.domain, at.account, at.account, v("pgpass-password"))
	case "pypi":
		return private("", "[distutils]\nindex-servers =\n    %s\n\n[%s]\nrepository = https://pypi.%s/\nusername = __token__\npassword = %s\n",
			at.account, at.account, at.domain, v("pypi-token"))
	case "service-account":
		return s.serviceAccount()
	case "ssh":
		return []PlantedFile{{"id_ed25519_" + at.account, []byte(v("ssh-private-key")), 0o600}}
	}
	return nil
}

const (
	azureCache = `{"RefreshToken": {"%s.%s-login.microsoftonline.com-refreshtoken-04b07795-8ddb-461a-bbee-02f9e1bf7b46--": ` +
		`{"credential_type": "RefreshToken", "secret": "%s", "home_account_id": "%s.%s", "environment": "login.microsoftonline.com", ` +
		`"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "target": "https://management.core.windows.net//.default"}}}`
	electrumWallet = `{
    "keystore": {
        "derivation": "m/0h",
        "pw_hash_version": 1,
        "type": "bip32",
        "xprv": "%s"
    },
    "seed_version": 18,
    "use_encryption": false,
    "wallet_type": "standard"
}`
	ethereumKeystore = `{"address":"%s","crypto":{"cipher":"aes-128-ctr","ciphertext":"%s",` +
		`"cipherparams":{"iv":"%x"},"kdf":"scrypt","kdfparams":{"dklen":32,"n":262144,"p":1,"r":8,"salt":"%x"},` +
		`"mac":"%x"},"id":"%s","version":3}`
	firefoxLogins = `{"nextId":2,"logins":[{"id":1,"hostname":"https://sso.%s","httpRealm":null,"formSubmitURL":"https://sso.%s",` +
		`"usernameField":"user","passwordField":"password","encryptedUsername":"MDIEEPgAAAAAAAAAAAAAAAAAAAEwFAYIKoZIhvcNAwcECJ%s==",` +
		`"encryptedPassword":"%s","guid":"{%s}","encType":1}],"version":3}`
	gcloudUser = `{
  "client_id": "32555940559.apps.googleusercontent.com",
  "refresh_token": "%s",
  "type": "authorized_user"
}`
	kubeConfig = `apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: prod
  cluster:
    server: https://kubernetes.%s:6443
users:
- name: %s
  user:
    token: %s
contexts:
- name: prod
  context:
    cluster: prod
    user: %s
`
)

// serviceAccount is what Kubernetes mounts into every container, for all to
// read.
func (s *Set) serviceAccount() []PlantedFile {
	dir := "kubernetes.io/serviceaccount/"
	return []PlantedFile{
		{dir + "ca.crt", s.clusterCA(), 0o644},
		{dir + "namespace", []byte("default"), 0o644},
		{dir + "token", []byte(s.Value("service-account-token")), 0o644},
	}
}

// clusterCA is the certificate of a CA that has signed nothing.
func (s *Set) clusterCA() []byte {
	key := ed25519.NewKeyFromSeed(s.scenery.noise[:ed25519.SeedSize])
	begun := time.Date(2025, time.January, 14, 8, 21, 40, 0, time.UTC)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0), Subject: pkix.Name{CommonName: "kubernetes"}, DNSNames: []string{"kubernetes"},
		NotBefore: begun, NotAfter: begun.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, c, c, key.Public(), key)
	if err != nil {
		panic(fmt.Sprintf("bait: make certificate: %v", err)) // all of it is given
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// wallet is a Berkeley DB (db_page.h): the page of its metadata, and a leaf with
// one record, as Bitcoin's wallets of old.
func (s *Set) wallet() []byte {
	const page, leafHead = 512, 26
	b := make([]byte, 2*page)
	put := binary.LittleEndian.PutUint32
	put(b[12:], 0x053162) // a btree
	put(b[16:], 9)        // its version
	put(b[20:], page)
	b[25] = 9      // a page of metadata
	put(b[32:], 1) // the last page
	put(b[88:], 1) // the root
	put(b[72:], 2) // keys of a page at least
	leaf := b[page:]
	put(leaf[8:], 1)
	leaf[24], leaf[25] = 1, 5 // a leaf
	at := page
	for i, item := range [][]byte{[]byte("\x10walletdescriptor"), []byte("wpkh(" + s.Value("bitcoin-key") + "/84h/0h/0h/0/*)")} {
		at -= (len(item) + 3 + 3) &^ 3
		binary.LittleEndian.PutUint16(leaf[at:], uint16(len(item)))
		leaf[at+2] = 1
		copy(leaf[at+3:], item)
		binary.LittleEndian.PutUint16(leaf[leafHead+2*i:], uint16(at))
	}
	binary.LittleEndian.PutUint16(leaf[20:], 2)
	binary.LittleEndian.PutUint16(leaf[22:], uint16(at))
	return b
}
