package secret

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
)

// rules are those of gitleaks, made ready for one pass over a content.
type rules struct {
	words *words
	// meant are the uses of each word, by its number.
	meant [][]use
	all   []rule
	// before and after are the most that any use wants.
	before, after int
	// allowed are the allowlists for all rules.
	allowed []*config.Allowlist
}

// A rule is one of gitleaks'.
type rule struct {
	config.Rule
	kind    kind
	anchors []anchor
	// gated is set when the content must have a word that matches need not have.
	gated bool
}

// A use of a word is what it means to a rule.
type use struct {
	rule   int
	anchor *anchor // nil for a word that opens the gate of the rule only
	// before and after are how much around the word its expression is run on.
	before, after int
}

const (
	// margin is what an expression may look at beyond a match: one character.
	margin = 4
	// reach is how far matches without a bound are looked for.
	reach = 4 << 10
	// vicinity is how far around a keyword those matches are looked for that cannot be
	// found by a word of their own.
	vicinity = 512
)

// reaches are how far they are looked for where reach is not right: a private key of
// 16,384 bits has 13,000 bytes; what a token says may be long; a command has some
// lines; of what is called a key few are long.
var reaches = map[string]int{
	"private-key": 20 << 10, "jwt": 8 << 10, "jwt-base64": 8 << 10, "curl-auth-header": 1 << 10, "curl-auth-user": 1 << 10, "generic-api-key": 256,
	"kubernetes-secret-yaml": 1 << 10,
}

// gates are words of contents that stand for the names of files that some rules are
// for: findings follow from contents alone.
var gates = map[string][]string{
	"freemius-secret-key":    {"<?php"},
	"hashicorp-tf-password":  {`resource "`, `provider "`, `variable "`, `module "`, "terraform {"},
	"kubernetes-secret-yaml": {"apiversion:"},
	"nuget-config-password":  {"<configuration>", "<packagesourcecredentials>"},
}

// loaded are the rules of this version of gitleaks.
var loaded = sync.OnceValues(func() (*rules, error) {
	c, err := gitleaks()
	if err != nil {
		return nil, fmt.Errorf("read rules of gitleaks: %w", err)
	}
	return newRules(c)
})

// gitleaks reads the rules that it brings.
func gitleaks() (config.Config, error) {
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return config.Config{}, err
	}
	var raw config.ViperConfig
	if err := v.Unmarshal(&raw); err != nil {
		return config.Config{}, err
	}
	return raw.Translate()
}

// rulesHash stands for the rules in the version of the analyzer.
var rulesHash = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(config.DefaultConfig))
	return hex.EncodeToString(sum[:4])
})

func newRules(c config.Config) (*rules, error) {
	r := &rules{allowed: c.Allowlists}
	uses := map[string][]use{}
	for _, id := range c.OrderedRules {
		one := rule{Rule: c.Rules[id]}
		if one.Regex == nil {
			continue // about names of files: see keyStore
		}
		found, err := anchors(one.Regex.String())
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", id, err)
		}
		n := len(r.all)
		far := reach
		if found == nil {
			far = vicinity
			if len(one.Keywords) == 0 {
				return nil, fmt.Errorf("rule %s: nothing to find it by", id)
			}
			found = []anchor{{words: one.Keywords, before: unbounded, after: unbounded, near: true}}
		}
		if own, ok := reaches[id]; ok {
			far = own
		}
		one.kind, one.anchors = kindOf(&one), found
		var gate []string
		for i := range found {
			a := &found[i]
			if !a.implies(one.Keywords) {
				gate = one.Keywords
			}
			for _, w := range a.words {
				uses[w] = append(uses[w], use{n, a, bounded(a.before, far) + margin, bounded(a.after, far) + margin})
			}
		}
		if own, ok := gates[id]; ok {
			gate = own
		}
		for _, w := range gate {
			uses[w] = append(uses[w], use{rule: n})
		}
		one.gated = gate != nil
		r.all = append(r.all, one)
	}
	r.index(uses)
	return r, nil
}

func bounded(n, far int) int {
	if n == unbounded {
		return far
	}
	return n
}

// implies tells whether every word of a has one of the keywords in it.
func (a *anchor) implies(keywords []string) bool {
	for _, w := range a.words {
		if !slices.ContainsFunc(keywords, func(k string) bool { return strings.Contains(w, k) }) {
			return false
		}
	}
	return true
}

// index makes the automaton of the words.
func (r *rules) index(uses map[string][]use) {
	all := slices.Sorted(maps.Keys(uses))
	for _, w := range all {
		r.meant = append(r.meant, uses[w])
		for _, u := range uses[w] {
			r.before, r.after = max(r.before, u.before), max(r.after, u.after)
		}
	}
	r.words = newWords(all)
}
