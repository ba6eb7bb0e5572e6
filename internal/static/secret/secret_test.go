package secret

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/statictest"
	"github.com/detonaut/detonaut/internal/testenv"
)

var salt = []byte("the salt of a test, long enough")

type opened struct{ io.ReaderAt }

func (opened) Close() error { return nil }

func file(b []byte, places ...static.Place) static.File {
	sum := sha256.Sum256(b)
	return static.File{
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b)), Type: content.Type(b[:min(len(b), content.HeadSize)]), Places: places,
		Open: func() (static.Content, error) { return opened{bytes.NewReader(b)}, nil },
	}
}

// found is what a finds in a text, by id, with the summaries.
func found(t *testing.T, a Analyzer, text string) map[string][]string {
	t.Helper()
	all, err := a.Analyze(t.Context(), file([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return summaries(all)
}

func summaries(all []detonaut.Finding) map[string][]string {
	got := map[string][]string{}
	for _, f := range all {
		for _, e := range f.Evidence {
			got[f.ID] = append(got[f.ID], e.Summary)
		}
	}
	return got
}

// Synthetic secrets, made at run time: nothing here is one.

// letters are always the same n of an alphabet: of others some are too even, or too like words, to be told from what is no secret.
func letters(n int, alphabet string) string {
	return pick(seeded(n), n, alphabet)
}

func seeded(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 5)) }

func pick(random *rand.Rand, n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(b)
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// gitHubToken is one with its checksum.
func gitHubToken() string {
	body := letters(30, base62)
	sum, tail := crc32.ChecksumIEEE([]byte(body)), ""
	for range 6 {
		tail, sum = string(base62[sum%62])+tail, sum/62
	}
	return "ghp_" + body + tail
}

func token(header, claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(header)) + "." + part([]byte(claims)) + "." + part([]byte(letters(32, base62)))
}

func pemOf(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf(t, "PRIVATE KEY", der, err)
}

// openSSHKey is a key of that form whose numbers are none.
func openSSHKey(cipher string) string {
	field := func(s string) string { return string([]byte{0, 0, byte(len(s) >> 8), byte(len(s))}) + s }
	b := "openssh-key-v1\x00" + field(cipher) + field("none") + field("") + "\x00\x00\x00\x01" + field(letters(51, base62)) + field(letters(136, base62))
	return string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: []byte(b)}))
}

// keyStoreFile has what tells a PKCS #12 file, with a bag of a kind.
func keyStoreFile(bag string) []byte {
	return []byte("\x30\x82\x02\x00\x02\x01\x03\x30\x82\x01\xf0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" + strings.Repeat("\xa0", 40) +
		"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01" + bag + strings.Repeat("\x00", 100))
}

func TestSuite(t *testing.T) {
	statictest.Run(t, Analyzer{Salt: salt}, []static.File{
		file([]byte("nothing")), file([]byte("token = " + gitHubToken() + "\n")), file([]byte(pkcs8(t) + pkcs8(t))), file(keyStoreFile("\x02")),
		file([]byte("api_key: " + letters(40, "0123456789abcdef") + "\n" + openSSHKey("aes256-ctr"))), file([]byte("\xff\x00\x01")),
		file([]byte("key A3-" + letters(6, "ABCDEFG234567") + "-" + letters(11, "HIJKLMN234567") + "-" + letters(5, "OPQRSTU23456") + "-" + letters(5, "VWXYZ234567") + "-" + letters(5, "ABCD234567"))),
	})
}

func TestWants(t *testing.T) {
	a := Analyzer{}
	at := func(paths ...string) static.File {
		f := file([]byte("text"))
		for _, p := range paths {
			f.Places = append(f.Places, static.Place{Path: p})
		}
		return f
	}
	for _, p := range []string{
		"/app/.env", "/root/.npmrc", "/root/.aws/credentials", "/etc/nginx/nginx.conf", "/app/test/key.pem", "/app/examples/config.yml", "/app/README.md",
		"/usr/lib/python3/dist-packages/app/settings.py", "/app/node_modules/x/index.js", "/usr/share/nginx/html/index.html", "/app/docs/a.txt",
		"/usr/local/lib/python3.12/site-packages/app/config.py", "/app/lib/main.rb", "/app/id_rsa", "/opt/data/test.json",
	} {
		if !a.Wants(at(p)) {
			t.Errorf("%s is not wanted", p)
		}
	}
	unwanted := []string{
		"/usr/share/doc/x/readme", "/usr/include/x.h", "/app/package-lock.json", "/app/go.sum", "/app/logo.svg", "/app/node_modules/x/README.md",
		"/usr/lib/python3.11/test/keycert.pem", "/app/node_modules/x/test/key.pem", "/usr/lib/python3/dist-packages/x-1.egg-info/PKG-INFO",
		"/app/vendor/github.com/x/y/z.go", "/app/static/jquery-3.7.1.min.js", "/usr/local/lib/python3.12/site-packages/x/examples/a.rst",
		"/var/lib/dpkg/info/x.postinst", "/usr/local/lib/python3.12/site-packages/x-1.0.dist-info/METADATA", "/app/node_modules/x/index.d.ts",
	}
	for _, p := range unwanted {
		if a.Wants(at(p)) {
			t.Errorf("%s is wanted", p)
		}
	}
	if !a.Wants(at(append(unwanted, "/app/copy")...)) || !a.Wants(at()) {
		t.Error("a content is not wanted that is somewhere else, too, or nobody knows where")
	}
	payload := at("/app/.env")
	payload.Use = detonaut.Dropped
	elf, empty, large := at("/bin/x"), file(nil), file(keyStoreFile("\x02"), static.Place{Path: "/a.p12"})
	elf.Type, large.Size = content.ELF, maxContainer+1
	for show, f := range map[string]static.File{"a payload of a run": payload, "a program": elf, "nothing": empty, "too large a key store": large} {
		if a.Wants(f) {
			t.Errorf("%s is wanted", show)
		}
	}
}

// TestPublished shows that gitleaks' own paths are left out, but for the trees of
// packages, which are looked through.
func TestPublished(t *testing.T) {
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	for p, wholesale := range map[string]bool{
		"/a/x.png": false, "/a/x.woff2": false, "/a/x.pdf": false, "/a/gitleaks.toml": false, "/a/go.work.sum": false, "/a/vendor/modules.txt": false,
		"/a/vendor/k8s.io/x.go": false, "/a/gradlew.bat": false, "/a/mvnw": false, "/a/yarn.lock": false, "/a/bower_components/x.js": false,
		"/a/swagger-ui.js": false, "/a/bootstrap.min.js.map": false, "/a/poetry.lock": false, "/a/Database.refactorlog": false, "/a/x.gem": false,
		"/a/node_modules/x.js": true, "/usr/lib/python3.11/x.py": true, "/venv/lib/x.py": true, "/a/vendor/ruby/x.rb": true, "/a/main.go": true,
	} {
		theirs := slices.ContainsFunc(r.allowed, func(l *config.Allowlist) bool { return l.PathAllowed(p) })
		if ours := published(p); ours == wholesale || !wholesale && !theirs {
			t.Errorf("%s: left out by us %v, by gitleaks %v", p, ours, theirs)
		}
	}
}

// TestHidden shows that the evidence says that a file is in a lower layer only.
func TestHidden(t *testing.T) {
	f := file([]byte(pkcs8(t)), static.Place{Path: "/root/.ssh/id", Layer: "sha256:1", Hidden: true})
	files := func(yield func(static.File, error) bool) { yield(f, nil) }
	got, err := static.Run(t.Context(), iter.Seq2[static.File, error](files), []static.Analyzer{Analyzer{Salt: salt}}, static.Options{})
	if err != nil || len(got.Findings) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	e := got.Findings[0].Evidence[0]
	if !e.Hidden || e.Path != "/root/.ssh/id" || e.Layer != "sha256:1" || !got.Findings[0].Weakness {
		t.Errorf("got %+v", got.Findings[0])
	}
}

// TestBlocks puts a secret at each place around the ends of blocks.
func TestBlocks(t *testing.T) {
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	secret := "x " + gitHubToken() + "\n"
	key := pkcs8(t)
	for _, edge := range []int{block - r.after - r.words.longest, block - r.before, block, 2 * block} {
		for _, shift := range []int{-60, -45, -41, -20, -4, -1, 0, 1, 5} {
			text := []byte(strings.Repeat("a line of text\n", (edge+2*block)/15+1))
			copy(text[edge+shift:], "\n"+secret)
			copy(text[edge+shift+200:], "\n"+key)
			got := found(t, Analyzer{}, string(text))
			if len(got["secret/github-pat"]) != 1 || len(got["secret/private-key"]) != 1 {
				t.Errorf("at %d%+d: got %v", edge, shift, got)
			}
		}
	}
}

// TestWork shows that what a content costs is bounded by its size, whatever is in it.
// It counts the bytes that expressions are run on and the words that are looked at.
func TestWork(t *testing.T) {
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, uses := range r.words.found {
		for _, w := range uses {
			all.WriteString(r.spelled(w) + " = '0a1b2c3d4e5f' ")
		}
	}
	const size = 64 << 20
	for _, unit := range []string{"password=", "password = \"0a1b2c3d4e5f6a7b\"\n", "curl -u ", "curl ", "-----BEGIN PRIVATE KEY-----\n", "data: x kind: secret ", "eyJa.", all.String(), "facebook "} {
		in := repeated{unit}
		s := newScan(r, size)
		if err := s.all(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		// The last one that was begun may go beyond it.
		if most := int64(freeWork + size/workShare + maxWindow + 2*reach); s.work > most {
			t.Errorf("%.20q: %d bytes and words are looked at, more than %d", unit, s.work, most)
		}
		if most := len(r.all) * maxMatches; len(s.matches) > most {
			t.Errorf("%.20q: %d matches are kept", unit, len(s.matches))
		}
		t.Logf("%.20q: %d bytes and words of %d, cut short: %v", unit, s.work, size, s.cut)
	}
	f := file(nil)
	f.Size, f.Type = size, content.Text
	f.Open = func() (static.Content, error) { return opened{repeated{"password=password "}}, nil }
	if _, err := (Analyzer{}).Analyze(t.Context(), f); !errors.Is(err, errTooMuch) {
		t.Errorf("too much to look at: got %v", err)
	}
}

// repeated is a text without end.
type repeated struct{ unit string }

func (r repeated) ReadAt(b []byte, off int64) (int, error) {
	for n := 0; n < len(b); {
		n += copy(b[n:], r.unit[(off+int64(n))%int64(len(r.unit)):])
	}
	return len(b), nil
}

func (r *rules) spelled(word uint16) string {
	for i := range r.all {
		for j := range r.all[i].anchors {
			for _, w := range r.all[i].anchors[j].words {
				if len(w) == r.words.length[word] {
					return w
				}
			}
		}
	}
	return ""
}

// TestRedacted shows that no part of a value is told but the prefix of its kind, and
// that equal values have equal hashes under one salt only.
func TestRedacted(t *testing.T) {
	secret := gitHubToken()
	one := found(t, Analyzer{Salt: salt}, "a "+secret+" b")["secret/github-pat"]
	same := found(t, Analyzer{Salt: salt}, "token: "+secret+"\n")["secret/github-pat"]
	other := found(t, Analyzer{Salt: []byte("another salt of a test")}, secret)["secret/github-pat"]
	bare := found(t, Analyzer{Salt: []byte("short")}, secret)["secret/github-pat"]
	if len(one) != 1 || !slices.Equal(one, same) || slices.Equal(one, other) {
		t.Errorf("got %v, %v and %v", one, same, other)
	}
	if want := "personal access token of GitHub <ghp_... of 40 characters>"; len(bare) != 1 || bare[0] != want {
		t.Errorf("without a salt: got %v, want %q", bare, want)
	}
	versions := map[string]bool{}
	for _, a := range []Analyzer{{}, {Salt: salt}, {Salt: []byte("another salt of a test")}} {
		versions[a.Version()] = true
		if len(a.Salt) > 0 && strings.Contains(a.Version(), string(a.Salt)) {
			t.Error("the version tells the salt")
		}
	}
	if len(versions) != 3 {
		t.Errorf("the versions are %v: results under one salt would be taken for those under another", versions)
	}
}

// FuzzRedacted shows that a value is not to be read in what is told of it.
func FuzzRedacted(f *testing.F) {
	f.Add("abcdefgh12345678", "abcd")
	f.Add("ab", "")
	f.Add("xoxb-1", "xoxb-1")
	f.Fuzz(func(t *testing.T, value, prefix string) {
		shown := redactor{}.show(value, prefix)
		hidden := strings.TrimPrefix(value, prefix)
		if !strings.HasPrefix(value, prefix) {
			hidden = value
		}
		if strings.Count(shown, "\n") > strings.Count(prefix, "\n") {
			t.Errorf("%q has more lines than one", shown)
		}
		if rest := strings.Replace(shown, prefix, "", 1); len(hidden) > 12 && strings.Contains(rest, hidden) {
			t.Errorf("a value of %d bytes is told", len(value))
		}
	})
}

// FuzzArmoured reads private keys of any form.
func FuzzArmoured(f *testing.F) {
	f.Add("-----BEGIN PRIVATE KEY-----\nMAoCAQAwBQYDK2Vw\n-----END PRIVATE KEY-----")
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----")
	f.Add("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: x\n\nlQWG\n=8xQN\n-----END PGP PRIVATE KEY BLOCK-----")
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END")
	f.Fuzz(func(t *testing.T, text string) {
		kind, _ := armoured(text)
		if kind != "" && !strings.Contains(strings.ToUpper(text), "PRIVATE KEY") {
			t.Errorf("%q is a key of kind %q", text, kind)
		}
		if _, err := keyStore(strings.NewReader(text), int64(len(text))); err != nil {
			t.Error(err)
		}
		isJWT(text)
		hasChecksum(text)
		if w := wordiness(text); w < 0 || w > 1 {
			t.Errorf("the share of words is %v", w)
		}
	})
}

// TestDebian looks through a real root, in which there is one secret: the key that the
// package ssl-cert made when it was installed.
func TestDebian(t *testing.T) {
	in, err := os.Open(testenv.Debian(t))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	a, files, size := Analyzer{}, 0, int64(0)
	var got []string
	for root := tar.NewReader(z); ; {
		h, err := root.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(root)
		if err != nil {
			t.Fatal(err)
		}
		f := file(b, static.Place{Path: path.Clean("/" + h.Name)})
		if h.Typeflag != tar.TypeReg || !a.Wants(f) {
			continue
		}
		files, size = files+1, size+f.Size
		all, err := a.Analyze(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for id := range summaries(all) {
			got = append(got, fmt.Sprintf("%s %s", id, f.Places[0].Path))
		}
	}
	t.Logf("%d files of %d bytes", files, size)
	if want := []string{"secret/private-key /etc/ssl/private/ssl-cert-snakeoil.key"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
