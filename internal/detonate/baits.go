package detonate

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// bait is one place in which credentials are planted.
type bait struct {
	kind plan.BaitKind
	// path is below a home, or absolute. It must be missing.
	path string
	// clients are programs that would take up what is planted, or take its place
	// for one that is set up already: an image that has one gets none.
	clients []string
}

// baitPlaces are all of them. docs/baits.md says why each is where it is, and a
// test holds it to this list.
var baitPlaces = []bait{
	{plan.BaitAWS, ".aws", nil},
	{plan.BaitAzure, ".azure", []string{"az"}},
	{plan.BaitBitcoin, ".bitcoin", []string{"bitcoind", "bitcoin-qt", "bitcoin-cli", "bitcoin-wallet"}},
	{plan.BaitDocker, ".docker", []string{"docker-credential-pass", "docker-credential-secretservice"}},
	{plan.BaitElectrum, ".electrum", []string{"electrum"}},
	{plan.BaitEthereum, ".ethereum", []string{"geth", "clef", "ethkey"}},
	{plan.BaitFirefox, ".mozilla", []string{"firefox", "firefox-esr", "geckodriver"}},
	{plan.BaitGCloud, ".config/gcloud", []string{"gcloud", "gsutil", "bq"}},
	{plan.BaitGit, ".git-credentials", nil},
	{plan.BaitKube, ".kube", []string{"kubectl", "helm", "k3s", "k9s", "kind"}},
	{plan.BaitMySQL, ".my.cnf", []string{"mysqld", "mariadbd"}},
	{plan.BaitNetrc, ".netrc", nil},
	{plan.BaitNPM, ".npmrc", nil},
	{plan.BaitPgpass, ".pgpass", nil},
	{plan.BaitPyPI, ".pypirc", nil},
	{plan.BaitServiceAccount, "/var/run/secrets", []string{"java", "kubelet"}},
	{plan.BaitSSH, ".ssh", []string{"sshd"}},
}

// rootHome is the home of root, in which baits are planted whoever runs.
const rootHome = "root"

// findBaits says where credentials are planted in fsys for the subject of p, whose
// user is at home in home. The variables of asked are those that the operator spoke
// of: they are not planted either.
//
// Nothing is put over anything: a place must be missing, and what it is in be
// there. An error means that fsys could not be read.
func findBaits(fsys fs.FS, p *plan.Plan, home string, asked []string) (plan.Baits, error) {
	f := &baitFinder{root: rootFS{fsys}, plan: p, programs: map[string]bool{}}
	for _, v := range p.Env {
		if name, dir, _ := strings.Cut(v, "="); name == "HOME" {
			home = dir
		}
	}
	var found plan.Baits
	homes, err := f.homes(home)
	if err != nil {
		return found, err
	}
	for _, b := range baitPlaces {
		wanted, err := f.hasNone(b.clients)
		if err != nil {
			return found, err
		}
		if !wanted {
			continue
		}
		in := homes
		if path.IsAbs(b.path) {
			in = []string{""}
		}
		for _, h := range in {
			file, err := f.place(b, h)
			if err != nil {
				return found, err
			}
			if file.Path != "" {
				found.Files = append(found.Files, file)
			}
		}
	}
	for _, name := range plan.BaitVariables() {
		set := func(v string) bool { return v == name || strings.HasPrefix(v, name+"=") }
		if !slices.ContainsFunc(p.Env, set) && !slices.ContainsFunc(asked, set) {
			found.Env = append(found.Env, name)
		}
	}
	return found, nil
}

// baitFinder is one search for places.
type baitFinder struct {
	root     rootFS
	plan     *plan.Plan
	programs map[string]bool // that were looked for
}

// homes are the directories in which somebody's files would be, by their paths
// from the root: that of root, and that of the user if it is below /home. Others
// are of services: a database refuses a directory with files in it, and a server
// may hand out what it finds there.
func (f *baitFinder) homes(home string) (homes []string, err error) {
	for _, name := range []string{rootHome, home} {
		real, info, err := f.root.resolve("/", name)
		if err != nil {
			if err = notThere(err); err != nil {
				return nil, err
			}
			continue
		}
		if !info.IsDir() || slices.Contains(homes, real) {
			continue
		}
		switch {
		case real == rootHome && info.Mode().Perm()&0o001 == 0:
			// Who gives up root's rights and keeps root's HOME cannot look into it,
			// whether there is anything or not.
		case strings.HasPrefix(real, "home/"):
			// One without any file may be filled by whoever finds it empty.
			empty, err := f.root.emptyOrMissing(real)
			if err != nil {
				return nil, err
			}
			if empty {
				continue
			}
		default:
			continue
		}
		homes = append(homes, real)
	}
	return homes, nil
}

// place returns where a bait goes in a home; no path if it does not.
func (f *baitFinder) place(b bait, home string) (file plan.BaitFile, err error) {
	dir, name := path.Split(path.Join("/", home, b.path))
	base := path.Join("/", home)
	var real string
	if path.IsAbs(b.path) {
		real, _, err = f.root.resolve("/", dir)
		base = path.Join("/", real)
	} else {
		real, err = f.root.place(dir)
	}
	if err != nil {
		return file, notThere(err)
	}
	switch info, err := fs.Lstat(f.root.FS, path.Join(real, name)); {
	case err == nil && info != nil:
		return file, nil
	case !errors.Is(err, fs.ErrNotExist):
		return file, notThere(err)
	}
	file = plan.BaitFile{Kind: b.kind, Path: path.Join("/", real, name), Base: base}
	if !strings.HasPrefix(file.Path, base+"/") {
		return plan.BaitFile{}, nil // a link leads away from home
	}
	if _, ok := plainPath(file.Path); !ok {
		return plan.BaitFile{}, nil
	}
	if strings.HasPrefix(home, "home/") {
		file.UID, file.GID = f.plan.User.UID, f.plan.User.GID
	}
	return file, nil
}

// maxPathDirs is how many directories of a PATH are looked into.
const maxPathDirs = 32

// hasNone tells whether the image has none of some programs.
func (f *baitFinder) hasNone(programs []string) (bool, error) {
	for _, name := range programs {
		has, known := f.programs[name]
		if !known {
			var err error
			if has, err = f.has(name); err != nil {
				return false, err
			}
			f.programs[name] = has
		}
		if has {
			return false, nil
		}
	}
	return true, nil
}

// has tells whether a program is along the PATH, or is what is run.
func (f *baitFinder) has(name string) (bool, error) {
	if path.Base(f.plan.Args[0]) == name {
		return true, nil
	}
	for _, v := range f.plan.Env {
		variable, dirs, _ := strings.Cut(v, "=")
		switch variable {
		case "PATH":
		case "JAVA_HOME":
			dirs += "/bin"
		default:
			continue
		}
		for i, dir := range strings.Split(dirs, ":") {
			if i == maxPathDirs {
				break
			}
			_, info, err := f.root.resolve(f.plan.Dir, path.Join(or(dir, "."), name))
			if err == nil && info.Mode().IsRegular() {
				return true, nil
			}
			if err = notThere(err); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}
