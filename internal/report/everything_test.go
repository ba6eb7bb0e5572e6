package report_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

const (
	layerOne = detonaut.Digest("sha256:1111111111111111111111111111111111111111111111111111111111111111")
	layerTwo = detonaut.Digest("sha256:2222222222222222222222222222222222222222222222222222222222222222")
)

// markup is what breaks out of tables, links, HTML, URLs and messages, beside what
// breaks terminals.
const markup = "x | y `` ``` <img src=x onerror=alert(1)> ![i](http://evil.example/i.png) [l](javascript:alert(1)) **b** _i_ @team #1 " +
	"&lt;b&gt; ]]> --> {0} [t](0) www.evil.example https://evil.example a@evil.example :skull: \\| \\` ../../%2e%2e?q#f" + nasty

// everything is a report with something in every part that formats know.
func everything() *detonaut.Report {
	r := miner()
	r.Image.Ref = "registry.example.com:5000/team/app:1.2@" + detonaut.Ref(digest)
	r.Image.Layers = []detonaut.Layer{
		{Digest: layerOne, DiffID: layerOne, MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Size: 1_234_567},
		{Digest: layerTwo, DiffID: layerTwo, MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Size: 4711},
	}
	r.Fingerprint.Analyzers = []string{"program@3", "secret@1"}
	r.Fingerprint.Database = digest
	r.Verdict.Vulnerability = detonaut.Critical
	r.Findings = append(r.Findings, files()...)
	r.Findings = append(r.Findings, weak()...)
	r.Inventory = inventory()
	r.Vulnerabilities, r.Suppressed = holes(), suppressed()
	r.Database = &detonaut.Database{Schema: "6.0.2", Built: time.Date(2026, 1, 20, 1, 2, 3, 0, time.UTC), Digest: digest}
	r.Stages = []detonaut.Stage{
		{Name: detonaut.StagePull, State: detonaut.Complete},
		{Name: detonaut.StageInventory, State: detonaut.Partial, Reason: "/opt/app.jar: archives are nested too deep"},
		{Name: detonaut.StagePackages, State: detonaut.Complete},
		{Name: detonaut.StageVulnerabilities, State: detonaut.Complete},
		{Name: "image/program", State: detonaut.Complete},
		{Name: "image/secret", State: detonaut.Failed, Reason: "/etc/big: more than 64 MiB"},
		{Name: detonaut.StageConfig, State: detonaut.Complete},
		{Name: detonaut.StageDetonate, State: detonaut.Complete},
		{Name: detonaut.StageExplain, State: detonaut.Complete},
	}
	return r
}

// files are what analyzers of files found: in the image, and in what the run left.
func files() []detonaut.Finding {
	return []detonaut.Finding{
		{
			ID: "program/packed", Title: "Is packed", Meaning: "What it does cannot be read in it.",
			Severity: detonaut.Medium, Confidence: detonaut.Certain, Techniques: []string{"T1027.002"}, Count: 2,
			Evidence: []detonaut.Evidence{
				{Path: "/usr/bin/a b", Layer: layerTwo, Offset: 4096, SHA256: strings.Repeat("ab", 32), Summary: "UPX"},
				{Path: "/tmp/x81hd", Events: []uint64{21, 22}, SHA256: strings.Repeat("cd", 32), Summary: "UPX"},
			},
		},
		{
			ID: "packages/malicious", Title: "Holds a malicious package", Severity: detonaut.High, Confidence: detonaut.Certain,
			Category: detonaut.MaliciousPackage, Family: "flatmap-stream", Count: 1,
			Evidence: []detonaut.Evidence{{Path: "/app/node_modules/flatmap-stream/package.json", Layer: layerTwo, Summary: "flatmap-stream 0.1.1"}},
		},
	}
}

// weak are weaknesses.
func weak() []detonaut.Finding {
	return []detonaut.Finding{
		{
			ID: "secret/private-key", Title: "Holds a private key", Meaning: "Whoever pulls the image has it.",
			Severity: detonaut.High, Confidence: detonaut.Probable, Weakness: true, Count: 2,
			Evidence: []detonaut.Evidence{
				{Path: "/root/.ssh/id_ed25519", Layer: layerOne, Hidden: true, Summary: "redacted:9f2c"},
				{Summary: "ENV DEPLOY_KEY=redacted:77aa"},
			},
		},
		{
			ID: "config/setuid", Title: "Holds setuid programs", Severity: detonaut.Low, Confidence: detonaut.Certain, Weakness: true, Count: 9,
			Evidence: []detonaut.Evidence{
				{Path: "/usr/bin/chsh", Layer: layerOne, Summary: "4755 root"}, {Path: "/usr/bin/su", Layer: layerOne, Summary: "4755 root"},
			},
		},
		{
			ID: "config/root-user", Title: "Runs as root", Meaning: "Whoever gets hold of it has all rights. (CIS Docker 4.1)",
			Severity: detonaut.Low, Confidence: detonaut.Certain, Weakness: true, Count: 1,
			Evidence: []detonaut.Evidence{{Summary: "the image names no user"}},
		},
	}
}

func inventory() *detonaut.Inventory {
	status := []detonaut.Location{{Path: "/var/lib/dpkg/status", Layer: layerOne, Primary: true}, {Path: "/usr/share/doc/libssl3/copyright", Layer: layerOne}}
	lock := []detonaut.Location{{Path: "/app/package-lock.json", Layer: layerTwo, Primary: true}}
	return &detonaut.Inventory{
		Distribution: &detonaut.Distribution{ID: "debian", VersionID: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)", Like: []string{"gnu"}},
		Packages: []detonaut.Package{
			{
				Name: "example.com/mod", Version: "v1.2.3", Type: "go-module", Language: "go", PURL: "pkg:golang/example.com/mod@v1.2.3",
				Locations: []detonaut.Location{{Path: "/usr/bin/app", Layer: layerTwo, Primary: true}}, FoundBy: "go-module-binary-cataloger",
			},
			{
				Name: "libssl3", Version: "3.0.11-1~deb12u2", Type: "deb", PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
				CPEs:     []string{"cpe:2.3:a:libssl3:libssl3:3.0.11-1\\~deb12u2:*:*:*:*:*:*:*", "cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*"},
				Licenses: []string{"Apache-2.0", "GPL-1.0-or-later OR Artistic-1.0", "a license of our own"}, Source: "openssl", SourceVersion: "3.0.11-1~deb12u2",
				FoundBy: "dpkg-db-cataloger", Locations: status, Reached: &detonaut.Reached{How: "loaded", Path: "/usr/lib/libssl.so.3", Event: 12},
			},
			{
				Name: "lodash", Version: "4.17.20", Type: "npm", Language: "javascript", PURL: "pkg:npm/lodash@4.17.20", Licenses: []string{"mit"}, Locations: lock,
			},
			{
				Name: "lodash", Version: "4.17.20", Type: "npm", Language: "javascript", PURL: "pkg:npm/lodash@4.17.20", Licenses: []string{"MIT OR Apache-2.0"},
				Locations: []detonaut.Location{{Path: "/old/package-lock.json", Layer: layerOne}}, Hidden: true,
			},
			{
				Name: "log4j-core", Version: "2.14.0", Type: "java-archive", Language: "java", PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.0",
				Licenses:  []string{"Apache License, Version 2.0", "LicenseRef-x", "MIT AND"},
				Locations: []detonaut.Location{{Path: "/opt/app.war", Within: "/WEB-INF/lib/log4j-core-2.14.0.jar", Layer: layerTwo, Primary: true}},
			},
			{Name: "libnothing", Type: "binary", Licenses: []string{"CC-BY-NC-3.0-IGO"}}, // of a newer list than the schema's
		},
	}
}

func holes() []detonaut.Vulnerability {
	return []detonaut.Vulnerability{
		{
			ID: "CVE-2026-0001", Aliases: []string{"DSA-1-1", "GHSA-aaaa-bbbb-cccc"}, Source: "debian:distro:debian:12", Severity: detonaut.Critical,
			Score: 9.8, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", EPSS: 0.94123, Percentile: 0.9991, Exploited: true, Reached: true,
			Fix: "fixed", Fixed: []string{"3.0.11-1~deb12u3"}, Description: "A buffer is read over its end.",
			URLs:    []string{"https://security-tracker.debian.org/tracker/CVE-2026-0001", "javascript:alert(1)", "https://bad.example/a b"},
			Package: "libssl3", Version: "3.0.11-1~deb12u2", Type: "deb",
			PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl", Path: "/var/lib/dpkg/status", Layer: layerOne,
		},
		{
			ID: "CVE-2021-44228", Source: "github:language:java", Severity: detonaut.Critical, Score: 10, Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
			EPSS: 0.97, Percentile: 1, Exploited: true, Fix: "fixed", Fixed: []string{"2.15.0", "2.12.2"}, Package: "log4j-core", Version: "2.14.0", Type: "java-archive",
			PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.0", Path: "/opt/app.war", Layer: layerTwo,
		},
		{
			ID: "GHSA-29mw-wpgm-hmr9", Source: "github:language:javascript", Severity: detonaut.Medium, Score: 7.5, Vector: "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
			Fix: "fixed", Fixed: []string{"4.17.21"}, Package: "lodash", Version: "4.17.20", Type: "npm", PURL: "pkg:npm/lodash@4.17.20", Path: "/app/package-lock.json", Layer: layerTwo,
		},
		{
			ID: "GHSA-29mw-wpgm-hmr9", Source: "github:language:javascript", Severity: detonaut.Medium, Score: 7.5, Vector: "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
			Fix: "fixed", Fixed: []string{"4.17.21"}, Package: "lodash", Version: "4.17.20", Type: "npm", PURL: "pkg:npm/lodash@4.17.20", Path: "/old/package-lock.json", Layer: layerOne,
		},
		{
			ID: "CVE-2005-0001", Source: "nvd:cpe", Severity: detonaut.Low, Score: 2.1, Vector: "AV:L/AC:L/Au:N/C:P/I:N/A:N",
			Fix: "wont-fix", Package: "libssl3", Version: "3.0.11-1~deb12u2", Type: "deb",
		},
		{
			ID: "CVE-2026-0002", Severity: detonaut.Negligible, Fix: "not-fixed", Package: "no-longer-listed", Version: "1", Type: "deb",
		},
		{ID: "CVE-2026-0003", Severity: detonaut.UnknownSeverity, Fix: "unknown", Package: "libnothing", Type: "binary"},
	}
}

func suppressed() []detonaut.Vulnerability {
	return []detonaut.Vulnerability{
		{
			ID: "CVE-2026-0004", Severity: detonaut.High, Score: 8.1, Fix: "fixed", Fixed: []string{"4"}, Package: "libssl3", Version: "3.0.11-1~deb12u2", Type: "deb",
			Suppressed: &detonaut.Suppression{By: "ignore", Source: ".detonaut-ignore.yaml", Reason: "behind a proxy that refuses it", Expires: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)},
		},
		{
			ID: "CVE-2026-0005", Severity: detonaut.High, Fix: "not-fixed", Package: "libssl3", Version: "3.0.11-1~deb12u2", Type: "deb",
			Suppressed: &detonaut.Suppression{By: "vex", Source: "vex.json", Reason: "vulnerable code not present", Status: "not_affected"},
		},
		{
			ID: "CVE-2026-0006", Severity: detonaut.Low, Fix: "fixed", Package: "lodash", Version: "4.17.20", Type: "npm",
			Suppressed: &detonaut.Suppression{By: "vex", Source: "vex.json", Reason: "backported", Status: "fixed"},
		},
	}
}

// poisoned has s in every string that the subject, a database, a rule or a stored
// report from elsewhere may fill.
func poisoned(s string) *detonaut.Report {
	r := hostile()
	r.Image.Ref, r.Image.Digest, r.Image.Platform = detonaut.Ref(s), detonaut.Digest(s), s
	r.Image.Layers = []detonaut.Layer{{Digest: detonaut.Digest(s), DiffID: detonaut.Digest(s), MediaType: s, CreatedBy: s}}
	r.Fingerprint = detonaut.Fingerprint{Tool: s, Rules: detonaut.Digest(s), Analyzers: []string{s}, Database: detonaut.Digest(s), Plan: detonaut.Digest(s)}
	r.Verdict = detonaut.Verdict{
		Word: detonaut.Word(s), Sentence: s, Category: detonaut.Category(s), Family: s,
		Reasons: []detonaut.Reason{{Text: s, Finding: s}}, Vulnerability: detonaut.Severity(s),
	}
	finding := detonaut.Finding{
		ID: s, Title: s, Meaning: s, Severity: detonaut.High, Confidence: detonaut.Confidence(s), Category: detonaut.Category(s), Family: s,
		Techniques: []string{s, s}, Count: 2,
		Evidence: []detonaut.Evidence{{Events: []uint64{1}, Summary: s}, {Layer: detonaut.Digest(s), Path: s, Offset: 1, SHA256: s, Summary: s}},
	}
	weak, odd := finding, finding
	weak.ID, weak.Weakness, weak.Severity = "config/"+s, true, detonaut.Severity(s)
	odd.Evidence = nil
	r.Findings = []detonaut.Finding{finding, weak, odd}
	at := []detonaut.Location{{Path: s, Within: s, Layer: detonaut.Digest(s), Primary: true}}
	r.Inventory = &detonaut.Inventory{
		Distribution: &detonaut.Distribution{ID: s, VersionID: s, Codename: s, Name: s, Like: []string{s}},
		Packages: []detonaut.Package{
			{
				Name: s, Version: s, Type: s, Language: s, PURL: s, CPEs: []string{s, s}, Licenses: []string{s, "MIT"}, Source: s, SourceVersion: s, Owner: s, FoundBy: s,
				Locations: at, Reached: &detonaut.Reached{How: s, Path: s, Event: 1},
			},
			{Name: s, Version: s + strings.Repeat("long", 1000), Type: s, Licenses: []string{s}, Hidden: true},
			{},
		},
	}
	hole := detonaut.Vulnerability{
		ID: s, Aliases: []string{s}, Source: s, Severity: detonaut.Critical, Score: 9.9, Vector: s, EPSS: 1, Percentile: 1, Exploited: true, Reached: true,
		Fix: s, Fixed: []string{s}, Description: s, URLs: []string{s, "https://" + s}, Package: s, Version: s, Type: s, PURL: s, Path: s, Layer: detonaut.Digest(s),
	}
	other := hole
	other.Severity, other.ID = detonaut.Severity(s), "CVE-"+s
	r.Vulnerabilities = []detonaut.Vulnerability{hole, other, {}}
	hole.Suppressed = &detonaut.Suppression{By: s, Source: s, Reason: s, Status: s}
	r.Suppressed = []detonaut.Vulnerability{hole}
	r.Database = &detonaut.Database{Schema: s, Digest: detonaut.Digest(s)}
	r.Stages = []detonaut.Stage{
		{Name: s, State: detonaut.State(s), Reason: s},
		{Name: detonaut.StageImage + s, State: detonaut.Partial, Reason: s},
		{Name: detonaut.StageVulnerabilities, State: detonaut.Partial, Reason: s},
		{Name: detonaut.StageDetonate, State: detonaut.Failed, Reason: s},
		{Name: detonaut.StageConfig, State: detonaut.Skipped, Reason: s},
	}
	return r
}

// large is a report of as many packages and vulnerabilities as an image of Debian with
// applications has.
func large(packages, vulnerabilities int) *detonaut.Report {
	r := everything()
	r.Inventory.Packages, r.Vulnerabilities = nil, nil
	for i := range packages {
		name := fmt.Sprintf("package-%04d", i)
		r.Inventory.Packages = append(r.Inventory.Packages, detonaut.Package{
			Name: name, Version: "1.2.3-4+deb12u5", Type: "deb", PURL: "pkg:deb/debian/" + name + "@1.2.3-4+deb12u5?arch=amd64&distro=debian-12&upstream=source",
			CPEs:     []string{"cpe:2.3:a:" + name + ":" + name + ":1.2.3-4\\+deb12u5:*:*:*:*:*:*:*"},
			Licenses: []string{"GPL-2.0-or-later"}, Source: "source", FoundBy: "dpkg-db-cataloger",
			Locations: []detonaut.Location{
				{Path: "/var/lib/dpkg/status", Layer: layerOne, Primary: true},
				{Path: "/usr/share/doc/" + name + "/copyright", Layer: layerOne},
				{Path: "/var/lib/dpkg/info/" + name + ".md5sums", Layer: layerOne},
			},
		})
	}
	for i := range vulnerabilities {
		p := &r.Inventory.Packages[i%packages]
		r.Vulnerabilities = append(r.Vulnerabilities, detonaut.Vulnerability{
			ID: fmt.Sprintf("CVE-2025-%05d", i/2), Source: "debian:distro:debian:12", Severity: detonaut.High, Score: 7.5, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
			EPSS: 0.00042, Percentile: 0.12, Fix: "not-fixed", Description: strings.Repeat("A flaw was found in it. ", 10),
			URLs: []string{fmt.Sprintf("https://security-tracker.debian.org/tracker/CVE-2025-%05d", i/2)}, Package: p.Name, Version: p.Version, Type: p.Type, PURL: p.PURL,
			Path: "/var/lib/dpkg/status", Layer: layerOne,
		})
	}
	return r
}
