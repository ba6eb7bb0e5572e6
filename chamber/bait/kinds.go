package bait

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Kind is one sort of credential.
type Kind struct {
	Name string
	// Format says how it looks.
	Format string
	// Source is where the subject can get it: a sighting tells from where it did.
	Source Source

	plant func(*generator) planted
	// home are the hosts that it may be sent to, as Home reads them.
	home []string
}

// Source is where a subject gets a credential.
type Source string

// Sources.
const (
	Service     Source = "service"     // what the simulated internet hands out
	File        Source = "file"        // a file that no program reads by itself
	Environment Source = "environment" // a variable that no program reads by itself
)

// All are the kinds of a set.
var All = slices.Concat(of(Service, services), of(File, files), of(Environment, variables))

func of(source Source, kinds []Kind) []Kind {
	for i := range kinds {
		kinds[i].Source = source
	}
	return kinds
}

// services go together by cloud: an access key id comes with its secret and its
// token. Some of them a well-behaved program asks for, uses, and sends to its
// home.
var services = []Kind{
	{Name: "aws-access-key-id", Format: "ASIA and 16 characters of base32", plant: plantAWSKeyID("ASIA"), home: awsAPI},
	{Name: "aws-secret-access-key", Format: "40 characters", plant: plantText("", 40), home: metadataAWS}, // signs, and never travels
	{Name: "aws-session-token", Format: "base64 of some 500 bytes", plant: plantBlob("IQoJb3JpZ2luX2VjE", 640, "=="), home: awsAPI},
	{Name: "gcp-access-token", Format: "ya29. and 200 characters of base64url", plant: plantBlob("ya29.c.c0AY", 208, ""), home: gcpAPI},
	{Name: "gcp-service-account", Format: "an e-mail address of iam.gserviceaccount.com", plant: plantServiceAccount, home: gcpAPI},
	{Name: "gcp-private-key-id", Format: "40 hexadecimal digits", plant: plantHex(40), home: gcpAPI},
	{Name: "azure-access-token", Format: "a JSON web token", plant: plantAzure, home: azureAPI},
	{Name: "alibaba-access-key-id", Format: "STS. and 25 characters", plant: plantText("STS.NU", 23), home: alibabaAPI},
	{Name: "alibaba-access-key-secret", Format: "44 characters", plant: plantText("", 44), home: metadataAlibaba},
	{Name: "alibaba-security-token", Format: "base64 of some 600 bytes", plant: plantBlob("CAIS", 796, ""), home: alibabaAPI},
	{Name: "kubernetes-token", Format: "a JSON web token of a service account", plant: plantKubernetes("default"), home: kubernetesAPI},
	{Name: "docker-auth", Format: "base64 of a user name, a colon and dckr_pat_ with 27 characters", plant: plantDocker, home: []string{"auth.docker.io", "hub.docker.com", "index.docker.io", "registry-1.docker.io"}},
	{Name: "env-password", Format: "20 characters", plant: plantText("", 20)},
}

// alphanumeric is what most credentials are made of.
const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// A generator is where the random parts come from.
type generator struct{ *rand.Rand }

func (g *generator) text(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g *generator) uuid() string {
	b := g.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func plantText(prefix string, n int) func(*generator) planted {
	return func(g *generator) planted {
		s := g.text(n, alphanumeric)
		return planted{prefix + s, []string{s}}
	}
}

func plantHex(n int) func(*generator) planted {
	return func(g *generator) planted {
		s := g.text(n, "0123456789abcdef")
		return planted{s, []string{s}}
	}
}

// plantBlob is a long token, marked at both ends.
func plantBlob(prefix string, n int, suffix string) func(*generator) planted {
	return func(g *generator) planted {
		head, tail := g.text(32, alphanumeric), g.text(32, alphanumeric)
		alphabet := alphanumeric + "-_"
		if suffix != "" {
			alphabet = alphanumeric + "+/"
		}
		return planted{prefix + head + g.text(n-64, alphabet) + tail + suffix, []string{head, tail}}
	}
}

// plantAWSKeyID makes an id that names an account, as those of AWS do: its
// first 48 bits are one, then the number of the account, then 7 bits of others.
func plantAWSKeyID(prefix string) func(*generator) planted {
	return func(g *generator) planted {
		account := 100_000_000_000 + g.Uint64N(900_000_000_000)
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], (1<<47|account<<7|g.Uint64N(1<<7))<<16)
		id := base32.StdEncoding.EncodeToString(append(b[:6], g.bytes(4)...))
		return planted{prefix + id, []string{id}}
	}
}

// Account is the number of the AWS account that an access key id names; empty
// if it is none.
func Account(keyID string) string {
	if len(keyID) != 20 {
		return ""
	}
	b, err := base32.StdEncoding.DecodeString(keyID[4:])
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%012d", binary.BigEndian.Uint64(b)>>16&(1<<47-1)>>7)
}

func plantServiceAccount(g *generator) planted {
	id := g.text(1, "abcdefghijklmnopqrstuvwxyz") + g.text(19, "abcdefghijklmnopqrstuvwxyz0123456789")
	project := fmt.Sprintf("platform-%06d", 100_000+g.IntN(300_000))
	return planted{"app-" + id + "@" + project + ".iam.gserviceaccount.com", []string{id}}
}

// token makes a JSON web token (RFC 7519) in the form of RS256, signed by
// nobody: the signature is what marks it.
func (g *generator) token(header, claims string) planted {
	encode := base64.RawURLEncoding.EncodeToString
	signature := encode(g.bytes(256))
	return planted{
		encode([]byte(header)) + "." + encode([]byte(claims)) + "." + signature,
		[]string{signature[:48], signature[len(signature)-32:]},
	}
}

func plantAzure(g *generator) planted {
	kid := g.text(27, alphanumeric)
	tenant, app, object, subscription := g.uuid(), g.uuid(), g.uuid(), g.uuid()
	return g.token(
		fmt.Sprintf(`{"typ":"JWT","alg":"RS256","x5t":%q,"kid":%q}`, kid, kid),
		fmt.Sprintf(`{"aud":"https://management.azure.com/","iss":"https://sts.windows.net/%s/","iat":1767225600,"nbf":1767225600,"exp":2082758400,`+
			`"appid":"%s","appidacr":"2","idp":"https://sts.windows.net/%s/","idtyp":"app","oid":"%s","sub":"%s","tid":"%s","ver":"1.0",`+
			`"xms_mirid":"/subscriptions/%s/resourcegroups/production/providers/Microsoft.Compute/virtualMachines/app-01"}`,
			tenant, app, tenant, object, object, tenant, subscription))
}

// plantKubernetes makes a token of a secret, which does not expire.
func plantKubernetes(account string) func(*generator) planted {
	return func(g *generator) planted {
		return g.token(
			fmt.Sprintf(`{"alg":"RS256","kid":%q}`, g.text(43, alphanumeric)),
			fmt.Sprintf(`{"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"default",`+
				`"kubernetes.io/serviceaccount/secret.name":"%s-token-%s","kubernetes.io/serviceaccount/service-account.name":"%s",`+
				`"kubernetes.io/serviceaccount/service-account.uid":"%s","sub":"system:serviceaccount:default:%s"}`,
				account, g.text(5, "bcdfghjklmnpqrstvwxz2456789"), account, g.uuid(), account))
	}
}

// plantDocker is marked as it is in a config.json, and as docker login takes it.
func plantDocker(g *generator) planted {
	secret := g.text(27, alphanumeric)
	auth := base64.StdEncoding.EncodeToString([]byte("cibuild:dckr_pat_" + secret))
	return planted{auth, []string{auth[24 : len(auth)-4], secret}}
}

// plantChecked makes a token with the checksum that GitHub has published: the
// CRC-32 of what is before it, in six digits of base 62.
func plantChecked(prefix string) func(*generator) planted {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return func(g *generator) planted {
		s := g.text(30, alphanumeric)
		var check [6]byte
		for i, sum := 5, crc32.ChecksumIEEE([]byte(s)); i >= 0; i, sum = i-1, sum/62 {
			check[i] = digits[sum%62]
		}
		s += string(check[:])
		return planted{prefix + s, []string{s}}
	}
}

// plantSSH makes a key that OpenSSH reads (PROTOCOL.key of OpenSSH): the magic,
// three empty settings, the public half, and both halves between check numbers
// and padding.
func plantSSH(g *generator) planted {
	private := ed25519.NewKeyFromSeed(g.bytes(ed25519.SeedSize))
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	public := text(text(nil, "ssh-ed25519"), string(private[32:]))
	check := g.Uint32()
	inner := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, check), check)
	inner = text(text(append(inner, public...), string(private)), "deploy@build")
	for i := byte(1); len(inner)%8 != 0; i++ {
		inner = append(inner, i)
	}
	b := text(text(text([]byte("openssh-key-v1\x00"), "none"), "none"), "")
	b = binary.BigEndian.AppendUint32(b, 1)
	b = text(text(b, string(public)), string(inner))

	lines := wrap(base64.StdEncoding.EncodeToString(b), 70)
	value := "-----BEGIN OPENSSH PRIVATE KEY-----\n" + strings.Join(lines, "\n") + "\n-----END OPENSSH PRIVATE KEY-----\n"
	// The fourth line has the private half; others the public one, and names.
	return planted{value, []string{lines[3][6:46]}}
}

func wrap(s string, n int) (lines []string) {
	for len(s) > n {
		lines, s = append(lines, s[:n]), s[n:]
	}
	return append(lines, s)
}
