package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Baits are credentials that are planted for the subject to find, beside those
// that its internet hands out. The plan says where; what they are is new in each
// run, and in no plan.
type Baits struct {
	// Files are made before the subject's first system call, where nothing is.
	Files []BaitFile `json:"files,omitempty"`
	// Env are the names of the variables that it is given.
	Env []string `json:"env,omitempty"`
}

// BaitFile is one place in which credentials are planted.
type BaitFile struct {
	Kind BaitKind `json:"kind"`
	// Path is what is made: a file, or a directory with files in it. It is
	// absolute and has no symbolic links. Base is the directory above it that is
	// there; what lies between is made too.
	Path string `json:"path"`
	Base string `json:"base"`
	// UID and GID own all of it.
	UID uint32 `json:"uid,omitempty"`
	GID uint32 `json:"gid,omitempty"`
}

// BaitKind is what is planted in a place; see docs/baits.md.
type BaitKind string

// Kinds of places.
const (
	BaitAWS            BaitKind = "aws"
	BaitAzure          BaitKind = "azure"
	BaitBitcoin        BaitKind = "bitcoin"
	BaitDocker         BaitKind = "docker"
	BaitElectrum       BaitKind = "electrum"
	BaitEthereum       BaitKind = "ethereum"
	BaitFirefox        BaitKind = "firefox"
	BaitGCloud         BaitKind = "gcloud"
	BaitGit            BaitKind = "git"
	BaitKube           BaitKind = "kube"
	BaitMySQL          BaitKind = "mysql"
	BaitNetrc          BaitKind = "netrc"
	BaitNPM            BaitKind = "npm"
	BaitPgpass         BaitKind = "pgpass"
	BaitPyPI           BaitKind = "pypi"
	BaitServiceAccount BaitKind = "service-account"
	BaitSSH            BaitKind = "ssh"
)

// BaitKinds lists them.
func BaitKinds() []BaitKind {
	return []BaitKind{
		BaitAWS, BaitAzure, BaitBitcoin, BaitDocker, BaitElectrum, BaitEthereum, BaitFirefox, BaitGCloud, BaitGit, BaitKube,
		BaitMySQL, BaitNetrc, BaitNPM, BaitPgpass, BaitPyPI, BaitServiceAccount, BaitSSH,
	}
}

// BaitVariables lists the variables that may be planted. No program is known to
// look at one of them by itself.
func BaitVariables() []string {
	return []string{"BACKUP_AWS_SECRET_ACCESS_KEY", "DEPLOY_GITHUB_TOKEN", "NPM_PUBLISH_TOKEN", "PROD_DB_PASSWORD"}
}

// maxBaitFiles bounds the places: those of a few homes.
const maxBaitFiles = 128

// validate reports what of b makes no sense beside the variables of a plan, each
// with bad.
func (b *Baits) validate(env []string, bad func(field, format string, args ...any)) {
	if len(b.Files) > maxBaitFiles {
		bad("baits.files", "more than %d", maxBaitFiles)
	}
	for i, f := range b.Files {
		field := fmt.Sprintf("baits.files[%d]", i)
		if !slices.Contains(BaitKinds(), f.Kind) {
			bad(field, "%q is no kind of bait", f.Kind)
		}
		for _, p := range []string{f.Path, f.Base} {
			if !path.IsAbs(p) || path.Clean(p) != p || strings.ContainsRune(p, 0) {
				bad(field, "%q is not a clean absolute path", p)
			}
		}
		if !strings.HasPrefix(f.Path, strings.TrimSuffix(f.Base, "/")+"/") || f.Path == f.Base {
			bad(field, "%q is not below %q", f.Path, f.Base)
		}
	}
	for _, name := range b.Env {
		if !slices.Contains(BaitVariables(), name) {
			bad("baits.env", "%q is no variable that is planted", name)
		}
		for _, v := range env {
			if strings.HasPrefix(v, name+"=") {
				bad("baits.env", "%s is set already", name)
			}
		}
	}
}
