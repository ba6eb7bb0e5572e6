package clamav

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

func TestParseReply(t *testing.T) {
	for text, want := range map[string]string{
		"stream: OK":                       "",
		"stream: Win.Trojan.Agent-1 FOUND": "Win.Trojan.Agent-1",
		"stream: Win.Trojan.Agent-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND": "Win.Trojan.Agent-1",
	} {
		if got, err := parseReply(text); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "OK", "stream: ", "FOUND", "stream: FOUND", "stream: a b FOUND", "X FOUND", "stream: \x1b[0m FOUND", "UNKNOWN COMMAND", "stream: " + strings.Repeat("x", 300) + " FOUND"} {
		if got, err := parseReply(text); err == nil {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for _, text := range []string{"", "ClamAV", "ClamAV ", "ClamAV 1 2", "ClamAV 1.4/", "ClamAV 1.4/a b/", "ClamAV 1/2/3/4", "SSH-2.0"} {
		if got, err := parseVersion(text); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
	if d, err := parseVersion("ClamAV 1.4.6/27800/soon"); err != nil || d.database != "27800" || !d.built.IsZero() {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestJudge(t *testing.T) {
	type short struct {
		Severity   detonaut.Severity
		Confidence detonaut.Confidence
		Category   detonaut.Category
		Family     string
	}
	for name, want := range map[string]short{
		"Unix.Trojan.Mirai-9441505-0":       {detonaut.High, detonaut.Probable, detonaut.Trojan, "mirai"},
		"Win.Trojan.Agent-1388":             {detonaut.High, detonaut.Probable, detonaut.WindowsMalware, ""},
		"BC.Win.Virus.Ramnit-1":             {detonaut.High, detonaut.Probable, detonaut.WindowsMalware, "ramnit"},
		"Win.Ransomware.WannaCry-6313787-0": {detonaut.High, detonaut.Probable, detonaut.Ransomware, "wannacry"},
		"Multios.Coinminer.Miner-6781728-2": {detonaut.High, detonaut.Probable, detonaut.Miner, "miner"},
		"Unix.Tool.Masscan-1":               {detonaut.High, detonaut.Probable, detonaut.Hacktool, "masscan"},
		"Php.Trojan.C99-1":                  {detonaut.High, detonaut.Probable, detonaut.Webshell, "c99"},
		"Asp.Webshell.Generic-7":            {detonaut.High, detonaut.Probable, detonaut.Webshell, ""},
		"Unix.Rootkit.Agent-2":              {detonaut.High, detonaut.Probable, detonaut.Rootkit, ""},
		"Java.Exploit.CVE_2021_44228-9":     {detonaut.High, detonaut.Probable, detonaut.Exploit, ""},
		"Win.Downloader.Small-1645":         {detonaut.High, detonaut.Probable, detonaut.Dropper, "small"},
		"PUA.Win.Tool.Packed-1":             {detonaut.Medium, detonaut.Tentative, detonaut.Hacktool, ""},
		"Heuristics.Encrypted.Zip":          {detonaut.Medium, detonaut.Tentative, "", ""},
		"Win.Packed.Upx-1":                  {detonaut.Medium, detonaut.Tentative, "", ""},
		"Win.Adware.Thing-1":                {detonaut.Medium, detonaut.Tentative, "", ""},
		"My.Trojan.Thing.UNOFFICIAL":        {detonaut.Medium, detonaut.Tentative, detonaut.Trojan, "thing"},
		"Strange":                           {detonaut.Medium, detonaut.Tentative, "", ""},
		"Win.Test.EICAR_HDB-1":              {detonaut.Low, detonaut.Certain, "", ""},
		"Eicar-Signature":                   {detonaut.Low, detonaut.Certain, "", ""},
		"Clamav.Test.File-6":                {detonaut.Low, detonaut.Certain, "", ""},
	} {
		f, err := judge(name)
		if diff := cmp.Diff(want, short{f.Severity, f.Confidence, f.Category, f.Family}); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if f, err := judge("Heuristics.Limits.Exceeded.MaxScanTime"); err == nil {
		t.Errorf("got %+v", f)
	}
}

func FuzzReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseVersion(text)
		name, err := parseReply(text)
		if err != nil || name == "" {
			return
		}
		found, err := judge(name)
		if err != nil {
			return
		}
		again, err := judge(strings.ToLower(strings.ReplaceAll(name, "_", ".")))
		if err != nil || again.ID == found.ID && again.Title != found.Title {
			t.Errorf("%s: got %+v and %+v", name, found, again)
		}
		if len(found.ID) > maxSignature+10 || found.Title == "" || found.Severity.Rank() > detonaut.High.Rank() || found.Confidence == detonaut.Certain && found.Severity != detonaut.Low {
			t.Errorf("%s: got %+v", name, found)
		}
	})
}

func FuzzReadReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readReply(strings.NewReader(text))
		if err == nil && (len(got) >= maxReply || strings.Contains(got, "\x00") || !strings.HasPrefix(text, got+"\x00")) {
			t.Errorf("got %q", got)
		}
	})
}
