package clamav

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// kinds are the words of ClamAV's names (https://docs.clamav.net/manual/Signatures/SignatureNames.html)
// that mean a threat, with what it is to us. The others, such as Packed or Adware, say too
// little to accuse anybody.
var kinds = map[string]struct {
	category detonaut.Category
	title    string
}{
	"backdoor":    {detonaut.Backdoor, "a backdoor"},
	"coinminer":   {detonaut.Miner, "a miner"},
	"downloader":  {detonaut.Dropper, "a dropper"},
	"dropper":     {detonaut.Dropper, "a dropper"},
	"loader":      {detonaut.Dropper, "a dropper"},
	"exploit":     {detonaut.Exploit, "an exploit"},
	"infostealer": {detonaut.DataTheft, "a thief of data"},
	"keylogger":   {detonaut.DataTheft, "a thief of data"},
	"spyware":     {detonaut.DataTheft, "a thief of data"},
	"ircbot":      {detonaut.Trojan, "a bot"},
	"botnet":      {detonaut.Trojan, "a bot"},
	"malware":     {detonaut.Trojan, "malware"},
	"trojan":      {detonaut.Trojan, "a trojan"},
	"virus":       {detonaut.Trojan, "a virus"},
	"proxy":       {detonaut.Proxy, "a proxy"},
	"ransomware":  {detonaut.Ransomware, "ransomware"},
	"rootkit":     {detonaut.Rootkit, "a rootkit"},
	"tool":        {detonaut.Hacktool, "a hacking tool"},
	"hacktool":    {detonaut.Hacktool, "a hacking tool"},
	"webshell":    {detonaut.Webshell, "a web shell"},
	"worm":        {detonaut.Worm, "a worm"},
}

// anonymous are words in the place of a family that are none.
var anonymous = []string{"agent", "generic", "gen", "malware", "trojan", "downloader", "dropper", "unknown", "heuristic", "test", "multi", "packed", "cve"}

// limits begin the names that say that clamd did not look at all of a file.
const limits = "heuristics-limits-exceeded"

// judge is the finding of a signature. All of it but the evidence follows from its ID. It
// is an error if the signature says that clamd did not look at all of the file.
func judge(signature string) (detonaut.Finding, error) {
	id := slug(signature)
	if strings.HasPrefix(id, limits) {
		return detonaut.Finding{}, fmt.Errorf("clamd: %s: %w", signature, context.DeadlineExceeded)
	}
	f := detonaut.Finding{
		ID: "clamav/" + id, Title: "Is suspect to ClamAV",
		Meaning:  "A signature of ClamAV matches it, of a kind that also matches what is harmless.",
		Severity: detonaut.Medium, Confidence: detonaut.Tentative, Count: 1,
		Evidence: []detonaut.Evidence{{Summary: "signature " + signature}},
	}
	words := strings.Split(id, "-")
	doubtful := slices.Contains(words, "unofficial")
	for len(words) > 1 && slices.Contains([]string{"pua", "heuristics", "bc", "clamav"}, words[0]) {
		doubtful = doubtful || words[0] == "pua" || words[0] == "heuristics"
		words = words[1:] // bc is a signature that is a program
	}
	if slices.Contains(words, "eicar") || len(words) > 1 && !doubtful && (words[0] == "test" || words[1] == "test") {
		f.Title, f.Meaning = "Is a test file for antivirus", "It is harmless: programs that look for viruses are tried out with it."
		f.Severity, f.Confidence = detonaut.Low, detonaut.Certain
		return f, nil
	}
	if len(words) < 2 {
		return f, nil
	}
	kind, ok := kinds[words[1]]
	if !ok {
		return f, nil
	}
	f.Category, f.Family = category(words[0], kind.category), family(words)
	if doubtful {
		f.Title = "May be " + kind.title + " to ClamAV"
		return f, nil
	}
	f.Title, f.Meaning = "Is "+kind.title+" to ClamAV", "ClamAV knows the file, or one of its kind, by a signature."
	f.Severity, f.Confidence = detonaut.High, detonaut.Probable
	return f, nil
}

// category is that of a kind on a platform.
func category(platform string, kind detonaut.Category) detonaut.Category {
	switch {
	case kind == detonaut.Trojan && slices.Contains([]string{"win", "dos", "w32", "w97m"}, platform):
		return detonaut.WindowsMalware
	case (kind == detonaut.Trojan || kind == detonaut.Backdoor) && slices.Contains([]string{"php", "asp", "aspx", "jsp"}, platform):
		return detonaut.Webshell
	}
	return kind
}

// family is the third word, if it is a name.
func family(words []string) string {
	if len(words) < 3 || slices.Contains(anonymous, words[2]) || len(words[2]) < 3 || strings.Trim(words[2], "0123456789") == "" {
		return ""
	}
	return words[2]
}

// slug is a text in small letters, digits and single dashes.
func slug(text string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
			continue
		}
		dash = true
	}
	if b.Len() == 0 {
		return "x"
	}
	return b.String()
}
