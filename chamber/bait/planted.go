package bait

import "encoding/hex"

// files are in the files of Set.Files. They are for hosts that are nowhere, and
// in forms that no program takes up unless it is told to: whoever sends one,
// wherever to, has looked for it.
var files = []Kind{
	{Name: "aws-profile-key-id", Format: "AKIA and 16 characters of base32", plant: plantAWSKeyID("AKIA")},
	{Name: "aws-profile-secret", Format: "40 characters", plant: plantText("", 40)},
	{Name: "azure-refresh-token", Format: "0.AX and 600 characters of base64url", plant: plantBlob("0.AXoA", 600, "")},
	{Name: "bitcoin-key", Format: "xprv and 107 characters of base58", plant: plantBase58("xprv9s21ZrQH143K", 95)},
	{Name: "docker-config-auth", Format: "base64 of a user name, a colon and dckr_pat_ with 27 characters", plant: plantDocker},
	{Name: "electrum-key", Format: "zprv and 107 characters of base58", plant: plantBase58("zprvAWgYBBk7JR8G", 95)},
	{Name: "ethereum-key", Format: "64 hexadecimal digits: a key that is encrypted", plant: plantHex(64)},
	{Name: "firefox-password", Format: "base64 of an encrypted password", plant: plantText("MDoEEPgAAAAAAAAAAAAAAAAAAAEwFAYIKoZIhvcNAwcECA", 34)},
	{Name: "gcloud-refresh-token", Format: "1// and 100 characters of base64url", plant: plantBlob("1//0", 100, "")},
	{Name: "github-token", Format: "ghp_ and 36 characters, the last 6 a checksum", plant: plantChecked("ghp_")},
	{Name: "kubeconfig-token", Format: "a JSON web token of a service account", plant: plantKubernetes("deployer")},
	{Name: "mysql-password", Format: "24 characters", plant: plantText("", 24)},
	{Name: "netrc-password", Format: "24 characters", plant: plantText("", 24)},
	{Name: "npm-token", Format: "npm_ and 36 characters, the last 6 a checksum", plant: plantChecked("npm_")},
	{Name: "pgpass-password", Format: "24 characters", plant: plantText("", 24)},
	{Name: "pypi-token", Format: "pypi- and 166 characters of base64url", plant: plantBlob("pypi-AgEIcHlwaS5vcmcC", 150, "")},
	{Name: "service-account-token", Format: "a JSON web token of a service account", plant: plantKubernetes("app")},
	{Name: "ssh-private-key", Format: "a PEM block of OpenSSH with an Ed25519 key", plant: plantSSH},
}

// variables are in the environment: a few, since that is shown and copied by
// many. Variable says under which names.
var variables = []Kind{
	{Name: "env-aws-secret", Format: "40 characters", plant: plantText("", 40)},
	{Name: "env-database-password", Format: "24 characters", plant: plantText("", 24)},
	{Name: "env-github-token", Format: "ghp_ and 36 characters, the last 6 a checksum", plant: plantChecked("ghp_")},
	{Name: "env-npm-token", Format: "npm_ and 36 characters, the last 6 a checksum", plant: plantChecked("npm_")},
}

// Variable is the name of the credential that a variable has; empty if none is
// planted in it.
func Variable(name string) string {
	return map[string]string{
		"BACKUP_AWS_SECRET_ACCESS_KEY": "env-aws-secret",
		"DEPLOY_GITHUB_TOKEN":          "env-github-token",
		"NPM_PUBLISH_TOKEN":            "env-npm-token",
		"PROD_DB_PASSWORD":             "env-database-password",
	}[name]
}

// plantBase58 is a long key, marked at both ends.
func plantBase58(prefix string, n int) func(*generator) planted {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	return func(g *generator) planted {
		head, tail := g.text(32, alphabet), g.text(32, alphabet)
		return planted{prefix + head + g.text(n-64, alphabet) + tail, []string{head, tail}}
	}
}

// scenery is what stands around the credentials in files, and is no secret.
type scenery struct {
	domain  string // of the hosts that they are for: nobody has it
	account string // of an e-mail address
	uuids   [3]string
	address string // of Ethereum
	profile string // of Firefox, and
	user    string // who has a password there
	noise   []byte // 80 bytes of keys and sums
}

func (g *generator) scenery() scenery {
	pick := func(words ...string) string { return words[g.IntN(len(words))] }
	return scenery{
		domain: pick("amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbor", "indigo", "juniper", "krypton", "lumen") +
			pick("works", "soft", "labs", "data", "grid", "bank", "trade", "health") + ".internal",
		account: pick("ops", "deploy", "release", "infra", "backup", "platform"),
		uuids:   [3]string{g.uuid(), g.uuid(), g.uuid()},
		address: hex.EncodeToString(g.bytes(20)),
		profile: g.text(8, "abcdefghijklmnopqrstuvwxyz0123456789"),
		user:    g.text(20, alphanumeric),
		noise:   g.bytes(80),
	}
}
