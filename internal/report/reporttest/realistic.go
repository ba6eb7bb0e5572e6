package reporttest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
)

// real are reports of actors of this repository, one a line, as "detonaut scan -o jsonl"
// wrote them; only the names of the images are others.
//
//go:embed testdata/real.jsonl
var real []byte

// kinds is how many of them there are.
const kinds = 8

// Realistic returns a report as a scan makes it: what one of the actors did, in an image of an
// ordinary distribution with packages and holes. Equal seeds make equal reports, and no two
// seeds make one digest; seeds that follow one another go through all kinds of images.
func Realistic(seed uint64) *detonaut.Report {
	r := realReport(int(seed % kinds))
	chance := rand.New(rand.NewPCG(seed, 8))
	r.Image.Digest = digestOf("image", seed)
	r.Image.Created = day.Add(-time.Duration(chance.IntN(1000)) * time.Hour)
	r.Started = day.Add(time.Duration(seed%100_000) * time.Minute)
	furnish(r, chance, 12+chance.IntN(40), 4+chance.IntN(30))
	return r
}

// Large returns a report of a large image that did much: 400 packages, 800 vulnerabilities,
// 200 processes, 300 connections.
func Large() *detonaut.Report {
	r := realReport(0)
	r.Image.Digest = digestOf("image", "large")
	r.Image.Ref = "docker.io/library/large:1"
	r.Started = day
	chance := rand.New(rand.NewPCG(8, 8))
	furnish(r, chance, 400, 800)
	for i := range 200 {
		pid := int32(100 + i)
		parent := int32(1)
		if i > 8 {
			parent = 100 + int32(chance.IntN(i))
		}
		start := time.Duration(i) * 140 * time.Millisecond
		r.Run.Processes = append(r.Run.Processes, detonaut.Process{
			PID: pid, Parent: parent, Executable: "/usr/bin/" + pick(chance, programs),
			Args: []string{pick(chance, programs), "--config", fmt.Sprintf("/etc/app/conf.d/%03d.conf", i), "--verbose"}, Origin: "image",
			SHA256: hexOf("program", i%20), UID: uint32(i % 3), Start: start, End: start + time.Duration(chance.IntN(9000))*time.Millisecond,
			Exit: "0", Event: uint64(1000 + 20*i),
		})
	}
	for i := range 300 {
		name := fmt.Sprintf("node-%03d.%s.example", i%120, pick(chance, programs))
		r.Run.Connections = append(r.Run.Connections, detonaut.Connection{
			Network: "tcp", Address: fmt.Sprintf("203.0.113.%d:%d", i%250, []int{80, 443, 8080, 6379}[i%4]), Name: name, Protocol: "http", TLS: i%2 == 0,
			PID: int32(100 + i%200), Count: 1 + i%7, Sent: int64(chance.IntN(5000)), Received: int64(chance.IntN(500_000)), Event: uint64(6000 + 3*i),
		})
		r.Run.Names = append(r.Run.Names, name)
		r.Run.Requests = append(r.Run.Requests, detonaut.Request{
			Method: "GET", URL: fmt.Sprintf("https://%s/api/v%d/items/%d?page=%d", name, i%3, i, i%10), Status: 200, Answer: "canned",
			PID: int32(100 + i%200), Count: 1, Received: 512, Event: uint64(6001 + 3*i),
		})
		r.Run.FilesWritten = append(r.Run.FilesWritten, fmt.Sprintf("/var/lib/app/%02d/segment-%04d.dat", i%40, i))
		r.Run.Changes = append(r.Run.Changes, detonaut.Change{
			Kind: "add", Path: fmt.Sprintf("/var/lib/app/%02d/segment-%04d.dat", i%40, i), Type: "file", SHA256: hexOf("file", i), Size: 4096, Mode: 0o644, Event: uint64(6002 + 3*i),
		})
		r.Files = append(r.Files, detonaut.File{SHA256: hexOf("file", i), Size: int64(chance.IntN(1 << 20)), Type: "elf", Path: fmt.Sprintf("/usr/local/lib/plug-%03d.so", i)})
	}
	slices.Sort(r.Run.Names)
	r.Run.Names = slices.Compact(r.Run.Names)
	r.Run.Elapsed, r.Elapsed = 40*time.Second, 47*time.Second
	r.Coverage.Events = 10_000
	return r
}

// realReport is the report of one kind.
func realReport(kind int) *detonaut.Report {
	line := bytes.Split(bytes.TrimSpace(real), []byte("\n"))[kind]
	r := new(detonaut.Report)
	if err := json.Unmarshal(line, r); err != nil {
		panic(err) // it is a part of the program
	}
	return r
}

var (
	programs = []string{"agent", "bash", "cron", "curl", "dash", "fetch", "index", "node", "python3", "queue", "sync", "worker"}
	stems    = []string{"apr", "berkeleydb", "crypt", "expat", "ffi", "glib", "icu", "jansson", "krb5", "ldap", "lz4", "magic", "ncurses", "openssl", "pcre", "readline", "sqlite", "tiff", "uuid", "webp", "xml", "zstd"}
	kindsOf  = []struct{ kind, language, place string }{
		{"deb", "", "/var/lib/dpkg/status.d/%s"},
		{"deb", "", "/var/lib/dpkg/status.d/%s"},
		{"npm", "javascript", "/app/node_modules/%s/package.json"},
		{"python", "python", "/usr/lib/python3/dist-packages/%s/METADATA"},
		{"go-module", "go", "/usr/local/bin/%s"},
	}
)

// furnish puts r into an image of Debian with so many packages, and holes in them.
func furnish(r *detonaut.Report, chance *rand.Rand, packages, holes int) {
	steps := []string{
		`/bin/sh -c #(nop) ADD file:8b3c in / `, `RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates curl # buildkit`,
		`COPY /src/app /usr/local/bin/app # buildkit`,
	}
	var base []detonaut.Layer
	for i, step := range steps {
		l := detonaut.Layer{
			Digest: digestOf("layer", step), DiffID: digestOf("diff", step), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			Size: int64(1+i) * 9_123_456, CreatedBy: step,
		}
		base = append(base, l)
		r.Image.Size += l.Size
	}
	r.Image.Layers = append(base, r.Image.Layers...)
	r.Image.Files += 40 * packages
	inv := detonaut.Inventory{
		Distribution: &detonaut.Distribution{ID: "debian", VersionID: "12", Codename: "bookworm", Name: "Debian GNU/Linux"},
	}
	if r.Inventory != nil {
		inv.Packages = r.Inventory.Packages
	}
	for i := range packages {
		k := kindsOf[chance.IntN(len(kindsOf))]
		name := fmt.Sprintf("lib%s%d", stems[i%len(stems)], i/len(stems))
		version := fmt.Sprintf("%d.%d.%d", 1+chance.IntN(9), chance.IntN(30), chance.IntN(20))
		p := detonaut.Package{
			Name: name, Version: version, Type: k.kind, Language: k.language, PURL: "pkg:" + k.kind + "/" + name + "@" + version, Licenses: []string{"MIT"},
			FoundBy: k.kind + "-cataloger", Locations: []detonaut.Location{{Path: fmt.Sprintf(k.place, name), Layer: base[i%2].Digest, Primary: true}},
		}
		if i%9 == 4 {
			p.Reached = &detonaut.Reached{How: "loaded", Path: "/usr/lib/x86_64-linux-gnu/" + name + ".so", Event: 6}
		}
		inv.Packages = append(inv.Packages, p)
	}
	slices.SortStableFunc(inv.Packages, func(a, b detonaut.Package) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	r.Inventory = &inv
	pierce(r, chance, holes)
}

// pierce puts holes into the packages of r.
func pierce(r *detonaut.Report, chance *rand.Rand, holes int) {
	severities := detonaut.Severities()[:5]
	for i := range holes {
		p := r.Inventory.Packages[chance.IntN(len(r.Inventory.Packages))]
		severity := severities[min(chance.IntN(5), chance.IntN(6))]
		v := detonaut.Vulnerability{
			ID: fmt.Sprintf("CVE-%d-%05d", 2018+chance.IntN(9), 1000+37*i), Source: "debian:distro:debian:12", Severity: severity,
			Score: float64(20*severity.Rank()-chance.IntN(15)) / 12, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", EPSS: float64(chance.IntN(900)) / 1e3, Percentile: float64(chance.IntN(999)) / 1e3,
			Exploited: chance.IntN(40) == 0, Fix: "not-fixed",
			Description: "A flaw in how lengths are checked lets whoever sends a prepared message read or write memory out of bounds, which may end in code being run.",
			URLs:        []string{"https://security.example/tracker/" + p.Name}, Package: p.Name, Version: p.Version, Type: p.Type, PURL: p.PURL,
			Path: p.Locations[0].Path, Layer: p.Locations[0].Layer, Reached: p.Reached != nil,
		}
		if chance.IntN(3) > 0 {
			v.Fix, v.Fixed = "fixed", []string{p.Version + "+deb12u1"}
		}
		r.Vulnerabilities = append(r.Vulnerabilities, v)
	}
	slices.SortStableFunc(r.Vulnerabilities, func(a, b detonaut.Vulnerability) int {
		if a.Reached != b.Reached {
			if a.Reached {
				return -1
			}
			return 1
		}
		return b.Severity.Rank() - a.Severity.Rank()
	})
	r.Verdict.Vulnerability = detonaut.NoSeverity
	for _, v := range r.Vulnerabilities {
		if v.Severity.Rank() > r.Verdict.Vulnerability.Rank() {
			r.Verdict.Vulnerability = v.Severity
		}
	}
	for i, s := range r.Stages {
		if s.Name == detonaut.StageVulnerabilities {
			r.Stages[i] = detonaut.Stage{Name: s.Name, State: detonaut.Complete}
		}
	}
	r.Database = &detonaut.Database{Schema: "6.1.0", Built: day.Add(-48 * time.Hour), Digest: digestOf("database", 1)}
	r.Fingerprint.Database = r.Database.Digest
}

func pick(chance *rand.Rand, from []string) string { return from[chance.IntN(len(from))] }

// hexOf is a hash that is the same for the same thing.
func hexOf(kind string, of any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %v", kind, of))
	return hex.EncodeToString(sum[:])
}

func digestOf(kind string, of any) detonaut.Digest {
	return detonaut.Digest("sha256:" + hexOf(kind, of))
}
