package detonaut

import "time"

// Inventory is what an image is made of, as package managers and build tools recorded
// it. Its strings are the subject's.
type Inventory struct {
	// Distribution is nil if the image does not say what it is.
	Distribution *Distribution `json:"distribution,omitempty"`
	// Packages are sorted by name, version, type and first location; hidden ones are
	// the last.
	Packages []Package `json:"packages"`
}

// Distribution is what the image says it is, in the words of os-release(5).
type Distribution struct {
	ID        string   `json:"id"`
	VersionID string   `json:"version_id,omitempty"`
	Codename  string   `json:"codename,omitempty"`
	Name      string   `json:"name,omitempty"`
	Like      []string `json:"like,omitempty"`
	// Version is VERSION. Extended is set when the image shows that its support was
	// bought for longer.
	Version  string `json:"version,omitempty"`
	Extended bool   `json:"extended,omitempty"`
}

// Package is one package at one or more places.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Type is the ecosystem: "deb", "apk", "npm", "go-module" ... Language is empty for
	// what has none.
	Type     string `json:"type"`
	Language string `json:"language,omitempty"`
	// PURL is its package URL, CPEs its names in that scheme, sorted.
	PURL string   `json:"purl,omitempty"`
	CPEs []string `json:"cpes,omitempty"`
	// Licenses are those that it declares, as SPDX expressions where they are some.
	Licenses []string `json:"licenses,omitempty"`
	// Source is the package that it was built from, and SourceVersion its version,
	// where the distribution tells: vulnerabilities are listed under that name.
	Source        string `json:"source,omitempty"`
	SourceVersion string `json:"source_version,omitempty"`
	// Owner is the name of the package of the distribution that brought the file in
	// which this one was found; empty if it was added otherwise. If several did, it is the
	// first of Owners, which are all of them, sorted.
	Owner  string   `json:"owner,omitempty"`
	Owners []string `json:"owners,omitempty"`
	// Symbols are the functions of a module of Go that are in the program, as package inventory
	// packs them. They are kept beside a report, not in it.
	Symbols []byte `json:"-"`
	// Main is set for the module of a program in Go itself: not one that it is built of.
	Main bool `json:"main,omitempty"`
	// Module is the stream of which a package of RPM is, as it says.
	Module string `json:"module,omitempty"`
	// OtherNames are those besides that of PURL under which vulnerabilities of an archive of
	// Java may be listed, as "group:artifact", sorted.
	OtherNames []string `json:"other_names,omitempty"`
	// FoundBy is the cataloger that found it.
	FoundBy string `json:"found_by,omitempty"`
	// Locations are where it was found, what proves it first, then by path.
	Locations []Location `json:"locations"`
	// Hidden is set when it is in a lower layer only: upper ones removed or replaced it.
	Hidden bool `json:"hidden,omitempty"`
	// Reached tells that a file of it was executed or loaded while the subject ran; nil
	// if none was, or nothing ran.
	Reached *Reached `json:"reached,omitempty"`
}

// Location is a file that shows that a package is there.
type Location struct {
	// Path is absolute and without links.
	Path string `json:"path"`
	// Within is where in the archive Path it was: "/a.jar" or, inside another,
	// "/a.jar!/b.class". It is empty for a file of the image.
	Within string `json:"within,omitempty"`
	Layer  Digest `json:"layer,omitempty"`
	// Primary is set for what proves the package, not for what adds to it.
	Primary bool `json:"primary,omitempty"`
}

// Reached is the first use of a package by the subject.
type Reached struct {
	// How is "executed" or "loaded".
	How  string `json:"how"`
	Path string `json:"path"`
	// Event is the sequence number of the event that shows it.
	Event uint64 `json:"event"`
}

// Vulnerability is a known hole in one package of an image.
type Vulnerability struct {
	// ID is that of CVE if it has one, else the advisory's; Aliases are its other
	// names, sorted.
	ID      string   `json:"id"`
	Aliases []string `json:"aliases,omitempty"`
	// Source is who says so: "debian:distro:debian:12", "github:language:go" ...
	Source   string   `json:"source,omitempty"`
	Severity Severity `json:"severity"`
	// Score is the base score of CVSS, 0 if there is none, and Vector what it was
	// computed from; of several the newest version of CVSS, then the highest.
	Score  float64 `json:"score,omitempty"`
	Vector string  `json:"vector,omitempty"`
	// EPSS is the probability, 0 to 1, that it is exploited within 30 days, and
	// Percentile the share of all that have a lower one (first.org); 0 if not known.
	EPSS       float64 `json:"epss,omitempty"`
	Percentile float64 `json:"epss_percentile,omitempty"`
	// Exploited is set when it is known to have been exploited (CISA's list).
	Exploited bool `json:"exploited,omitempty"`
	// Fix is "fixed", "not-fixed", "wont-fix" or "unknown"; Fixed are the versions in
	// which it is.
	Fix   string   `json:"fix"`
	Fixed []string `json:"fixed,omitempty"`
	// Description is a head of what is said of it, URLs are where more is.
	Description string   `json:"description,omitempty"`
	URLs        []string `json:"urls,omitempty"`
	// Package, Version, Type and PURL are those of the package in which it is, Path
	// and Layer the first place of that.
	Package string `json:"package"`
	Version string `json:"version,omitempty"`
	Type    string `json:"type"`
	PURL    string `json:"purl,omitempty"`
	Path    string `json:"path,omitempty"`
	Layer   Digest `json:"layer,omitempty"`
	// Reached is set when a file of the package was executed or loaded while the
	// subject ran.
	Reached bool `json:"reached,omitempty"`
	// Suppressed is set when somebody decided that it does not matter here.
	Suppressed *Suppression `json:"suppressed,omitempty"`
}

// Suppression is why a vulnerability or a weakness does not count.
type Suppression struct {
	// By is "ignore" or "vex", Source the file that says so.
	By     string `json:"by"`
	Source string `json:"source,omitempty"`
	// Reason is never empty. Status is that of VEX: "not_affected" or "fixed".
	Reason string `json:"reason"`
	Status string `json:"status,omitempty"`
	// Expires is the day until which it holds; zero if it has no end.
	Expires time.Time `json:"expires,omitzero"`
}

// Database is the vulnerability database that was used.
type Database struct {
	// Schema is the version of its format, Built when it was made, Digest its content.
	Schema string    `json:"schema"`
	Built  time.Time `json:"built"`
	Digest Digest    `json:"digest"`
}
