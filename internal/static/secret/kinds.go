package secret

import (
	"strings"

	"github.com/detonaut/detonaut"
)

// A kind of secret is what a rule finds.
type kind struct {
	id         string
	name       string
	severity   detonaut.Severity
	confidence detonaut.Confidence
	harm       string
}

func (k kind) title() string { return "Has " + article(k.name) + k.name }

func (k kind) meaning() string { return k.harm }

func article(name string) string {
	if strings.ContainsAny(name[:1], "AEIOaeio8") {
		return "an "
	}
	return "a "
}

// What whoever has the image can do.
const (
	harmKey     = "Whoever has the image has this key, and can pass for its owner or read what is meant for them."
	harmSealed  = "Whoever has the image has this key, and can try passphrases for as long as they like."
	harmCloud   = "Whoever has the image can use the account, its machines and its data as the owner of the key can."
	harmService = "Whoever has the image can use the service as the owner of the token can."
	harmLogin   = "Whoever has the image can log in with it."
	harmPublic  = "It is half of a credential: of use to whoever has the other half, too."
	harmGuess   = "It is written as keys and passwords are, and may be one that whoever has the image can use."
)

// Kinds that are no rule of gitleaks.
var (
	encryptedKey = kind{"private-key-encrypted", "private key with a passphrase", detonaut.Low, detonaut.Certain, harmSealed}
	pkcs12       = kind{"pkcs12-file", "key store with a private key", detonaut.Low, detonaut.Certain, harmSealed}
	named        = kind{"by-name", "value named as a secret", detonaut.Low, detonaut.Tentative, harmLogin}
)

// kinds are those of rules that are judged one by one: their structure is verified,
// or they are rather less than they seem.
var kinds = map[string]kind{
	"private-key":           {"", "private key", detonaut.High, detonaut.Certain, harmKey},
	"age-secret-key":        {"", "secret key of age", detonaut.High, detonaut.Probable, harmKey},
	"jwt":                   {"", "JSON web token", detonaut.Medium, detonaut.Probable, harmService},
	"jwt-base64":            {"", "JSON web token", detonaut.Medium, detonaut.Tentative, harmService},
	"github-pat":            {"", "personal access token of GitHub", detonaut.High, detonaut.Certain, harmService},
	"github-oauth":          {"", "OAuth token of GitHub", detonaut.High, detonaut.Certain, harmService},
	"github-app-token":      {"", "token of an app at GitHub", detonaut.High, detonaut.Certain, harmService},
	"github-refresh-token":  {"", "refresh token of GitHub", detonaut.High, detonaut.Certain, harmService},
	"generic-api-key":       {"", "value like a key or password", detonaut.Low, detonaut.Tentative, harmGuess},
	"hashicorp-tf-password": {"", "password in a Terraform file", detonaut.Medium, detonaut.Tentative, harmLogin},
	"curl-auth-user":        {"", "command with a login", detonaut.Medium, detonaut.Probable, harmLogin},
	"curl-auth-header":      {"", "command with a token", detonaut.Medium, detonaut.Probable, harmService},
	"sidekiq-sensitive-url": {"", "address with a login of Sidekiq", detonaut.Medium, detonaut.Probable, harmLogin},
	"nuget-config-password": {"", "password of a NuGet source", detonaut.Medium, detonaut.Probable, harmLogin},

	"kubernetes-secret-yaml": {"", "secret of Kubernetes in a file", detonaut.Medium, detonaut.Tentative, harmLogin},
}

// grave begin the ids of rules for accounts at clouds, for code and for money.
var grave = []string{
	"alibaba-secret", "aws-", "azure-", "digitalocean-", "gcp-", "heroku-", "hashicorp-tf-api", "vault-", "github-", "gitlab-", "bitbucket-client-secret", "npm-",
	"pypi-", "rubygems-", "pulumi-", "doppler-", "1password-", "stripe-", "square-", "shopify-", "openshift-", "yandex-aws", "cloudflare-", "databricks-",
	"flyio-", "anthropic-", "openai-", "slack-", "okta-", "artifactory-", "dynatrace-", "planetscale-", "infracost-", "terraform-", "harness-", "octopus-",
	"sonar-", "snyk-", "travisci-", "codecov-", "droneci-",
}

// halves are parts of the ids of rules for what is not secret alone.
var halves = []string{"client-id", "-pub-key", "public-key", "-user-api-id", "access-id", "browser-api", "consumer-key", "publishable"}

// assigned is a part of the expressions that find a value by the name before it.
const assigned = `(?:=|>|:{1,3}=|`

// kindOf tells the kind of a rule: from the table, else by its id and expression.
func kindOf(r *rule) kind {
	if k, ok := kinds[r.RuleID]; ok {
		k.id = r.RuleID
		return k
	}
	k := kind{r.RuleID, spoken(r.RuleID), detonaut.Medium, detonaut.Probable, harmService}
	for _, g := range grave {
		if strings.HasPrefix(r.RuleID, g) {
			k.severity = detonaut.High
		}
	}
	if strings.HasPrefix(r.RuleID, "aws-") || strings.HasPrefix(r.RuleID, "gcp-") || strings.HasPrefix(r.RuleID, "azure-") {
		k.harm = harmCloud
	}
	for _, h := range halves {
		if strings.Contains(r.RuleID, h) {
			k.severity, k.harm = detonaut.Low, harmPublic
		}
	}
	if strings.Contains(r.Regex.String(), assigned) && !strings.Contains(r.Regex.String(), `|\b(`) {
		k.confidence = detonaut.Tentative
	}
	return k
}

// names are words of ids as they are written.
var names = map[string]string{
	"api": "API", "aws": "AWS", "gcp": "GCP", "ad": "AD", "github": "GitHub", "gitlab": "GitLab", "oauth": "OAuth", "oauth2": "OAuth 2", "pat": "personal access token",
	"npm": "npm", "pypi": "PyPI", "ci": "CI", "id": "ID", "url": "URL", "openai": "OpenAI", "huggingface": "Hugging Face", "digitalocean": "DigitalOcean",
	"jwt": "JWT", "ptt": "pipeline trigger token", "rrt": "runner registration token", "personnal": "personal", "1password": "1Password", "ca": "CA",
}

// spoken is the id of a rule as words: the first is a name.
func spoken(id string) string {
	words := strings.Split(id, "-")
	for i, w := range words {
		if n, ok := names[w]; ok {
			words[i] = n
		} else if i == 0 {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// prefixOf is what every secret of r begins with, as far as its expression tells and
// secret does.
func (r *rule) prefixOf(secret string) (longest string) {
	for i := range r.anchors {
		a := &r.anchors[i]
		if a.before > 0 {
			continue
		}
		for w := range a.cased {
			if len(w) > len(longest) && strings.HasPrefix(secret, w) {
				longest = w
			}
		}
	}
	return longest
}
