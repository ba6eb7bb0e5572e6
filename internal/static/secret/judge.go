package secret

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"regexp"
	"strings"
)

// privateKey is the rule whose matches are keys in armour.
const privateKey = "private-key"

// judge tells found what a match is, if it has the structure that a secret of its
// kind has.
func (r *rules) judge(m *match, red redactor, found func(k kind, summary string, at int64)) {
	one := &r.all[m.rule]
	k, note := one.kind, ""
	switch one.RuleID {
	case privateKey:
		form, encrypted := armoured(m.text)
		switch {
		case form == "":
			return
		case encrypted:
			k = encryptedKey
		}
		note = form + " "
	case "jwt":
		if !isJWT(m.secret) {
			return
		}
	case "github-pat", "github-oauth", "github-app-token", "github-refresh-token":
		if !hasChecksum(m.secret) {
			return
		}
	case "curl-auth-user":
		if user, password, _ := strings.Cut(strings.Trim(m.secret, `"'`), ":"); password == "" || user == password || placeholder(password) {
			return
		}
	case "generic-api-key", "hashicorp-tf-password":
		if !likely(m) {
			return
		}
	}
	if one.RuleID != privateKey && placeholder(m.secret) {
		return
	}
	at := m.at + int64(max(strings.Index(m.text, m.secret), 0))
	found(k, note+k.name+" "+red.show(m.secret, one.prefixOf(m.secret)), at)
}

// hasChecksum tells whether a token of GitHub ends with the checksum of its letters:
// CRC-32 in base 62, of 6 digits. See "Behind GitHub's new authentication token
// formats", github.blog, 2021.
func hasChecksum(token string) bool {
	const prefix, digits = 4, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if len(token) != 40 {
		return false
	}
	sum, n := crc32.ChecksumIEEE([]byte(token[prefix:34])), uint64(0)
	for _, c := range []byte(token[34:]) {
		n = n*62 + uint64(max(strings.IndexByte(digits, c), 0)) //nolint:gosec // not negative
	}
	return n == uint64(sum)
}

// isJWT tells whether a token has a header that names an algorithm, and claims (RFC
// 7519). The one that jwt.io and many documents show is none.
func isJWT(token string) bool {
	parts := strings.Split(strings.TrimRight(token, "="), ".")
	if len(parts) < 2 {
		return false
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "="))
		if err != nil || json.Unmarshal(b, into) != nil {
			return false
		}
	}
	_, signed := header["alg"].(string)
	return signed && claims["sub"] != "1234567890"
}

// likely tells whether what was found by the name before it alone is likely to be a
// secret: it is assigned on the same line, to what is not named as something public,
// and is no name, path, call or public key itself.
func likely(m *match) bool {
	i := strings.Index(m.text, m.secret)
	if i < 0 {
		return false
	}
	before, after := m.text[:i], m.text[i+len(m.secret):]
	value := strings.Trim(m.secret, `"'`)
	if strings.ContainsAny(before, "\r\n") || strings.HasSuffix(value, "...") || publicNames.MatchString(before) || examples[value] {
		return false
	}
	quoted := strings.ContainsAny(before, "\"'`") || value != m.secret
	if !quoted && (strings.HasPrefix(after, ";") && strings.Contains(before, " = ") || strings.HasPrefix(m.follows, "(")) {
		return false // code
	}
	return wordiness(value) < nameShare && !isPublicKey(value)
}

// nameShare is from how wordy on a value is a name. Of random values of 20 letters less
// than one of 100 is: see TestRandom.
const nameShare = 0.45

// publicNames are names of what may be known: hashes and fingerprints, and tokens that
// only keep the place in a list or tell one request from another.
var publicNames = regexp.MustCompile(`(?i)hash|digest|checksum|fingerprint|\bsha-?\d|\bmd5|gpg|pgp|pubkey|authentication_string|` +
	`(?:next|client|lock|request|change|idempotency|purchase|continuation|page|cancel(?:lation)?|update|upload)[_-]?token`)

// examples are values of RFC 5849 and RFC 6749 that programs and texts repeat.
var examples = set("2YotnFZFEjr1zCsicMWpAA 0685bd9184jfhq22 tGzv3JOkF0XG5Qx2TlKWIA SplxlOBeZQQYbYS6WxSbIA dpf43f3p2l4k3l03 kd94hf93k423kf44 gX1fBat3bV")

// placeholders are parts of what stands for a value.
var placeholders = regexp.MustCompile(`(?i)example|change.?me|change.?this|placeholder|redacted|dummy|sample|your[_-]|[_-]here\b|insert[_-]|replace[_-]|` +
	`not.?a.?real|xxxxx|\*\*\*|\.\.\.\.|01234567|12345678|abcdefgh|abcd1234|1234abcd|a1b2c3|1a2b3c|^(?:\$[({]?\w|%[\w(]|\{\{|<|@\w+@$)`)

// placeholder tells whether a value stands for one.
func placeholder(value string) bool {
	value = strings.Trim(value, "\"'` ")
	distinct := map[rune]bool{}
	for _, r := range value {
		distinct[r] = true
	}
	return len(distinct) < 4 || placeholders.MatchString(value)
}

// isPublicKey tells whether a value is a public key.
func isPublicKey(value string) bool {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(b) < 32 {
		return false
	}
	_, err = x509.ParsePKIXPublicKey(b)
	return err == nil
}

// pairs are letters that follow each other in English often: about a quarter of all
// pairs there are, and three quarters of those in names.
var pairs = set("th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld ur ic ro ri me ma li ne ch ll be " +
	"ho om no ta la el co us ss io wa ec ut ce ac pe em ot ns ow ee wi tr pr so sh ly ni lo ge id pa mo un ad ul ie ai ct ol rs ke po ap do am rt ir nc wh fi ty " +
	"ab mi ay up ki ey oo fo ff ag su ck tt op pp ev ei ex bl pl da ca ci iv ig im ga di du gr hu ia if ob os ov qu rr ru rm rn rc rd tu ue ui um va vi ep eg mm fe hr")

// wordiness is the share of the pairs of letters and digits in a text, next to each
// other, that names are made of. It is 1 for none.
func wordiness(s string) float64 {
	s = strings.ToLower(s)
	common, all := 0, 0
	for i := 0; i+1 < len(s); i++ {
		if isWord(s[i]) && isWord(s[i+1]) && s[i] != '_' && s[i+1] != '_' {
			all++
			if pairs[s[i:i+2]] {
				common++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(common) / float64(all)
}
