package detonate

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// trust is where the programs of an image look for the certificates that they
// trust. The CA of a run is added there, so that they talk to the simulated
// internet as they would to the real one.
type trust struct {
	// stores are sorted by path.
	stores []plan.TrustStore
	// env has the variables that programs need which look at no file by
	// themselves.
	env []string
	// cut is set when a bound was hit: there may be more stores.
	cut bool
}

// Bounds on what a plan says of trust stores: it must fit on one line of the
// tape, beside the command and the environment.
const (
	maxStores     = 256
	maxStorePath  = 1024
	maxStorePaths = 32 << 10 // bytes of all paths, as JSON
)

// findTrust looks for the trust stores in fsys. The variables of env are those
// that the subject is given; a file that one of them names is a store too,
// relative to dir. The variables of asked are never added, whether env has them
// or not.
//
// An error means that fsys could not be read.
func findTrust(fsys fs.FS, dir string, env, asked []string) (trust, error) {
	f := &finder{
		root: rootFS{&meter{fsys, maxWalkParts}}, dir: dir, set: append(slices.Clone(env), asked...),
		stores: map[string]plan.StoreKind{},
	}
	err := f.find(env)
	if errors.Is(err, errCostly) {
		f.cut, err = true, nil
	}
	if err != nil {
		return trust{}, err
	}
	found := trust{env: f.env, cut: f.cut}
	for name, kind := range f.stores {
		found.stores = append(found.stores, plan.TrustStore{Path: name, Kind: kind})
	}
	slices.SortFunc(found.stores, func(a, b plan.TrustStore) int { return strings.Compare(a.Path, b.Path) })
	return found, nil
}

// finder is one search for trust stores.
type finder struct {
	root   rootFS // on a meter
	dir    string // the subject's working directory
	stores map[string]plan.StoreKind
	paths  int // bytes of the paths in stores
	// set are the variables, as NAME or NAME=value, that are not to be added to
	// env, which is what there is to add.
	set, env []string
	// node and deno are programs that the image has.
	node, deno bool
	cut        bool
	// content is what was read of the file at hand; its memory is used again
	// for the next. bytes counts what was read of all.
	content []byte
	bytes   int64
}

// find goes from what is most likely used to what is only found by looking at
// every file: a bound cuts the rest.
func (f *finder) find(env []string) error {
	system := false
	for _, name := range systemBundles {
		found, err := f.bundle("/", name)
		if err != nil {
			return err
		}
		system = system || found
	}
	for _, name := range otherBundles {
		if _, err := f.bundle("/", name); err != nil {
			return err
		}
	}
	if !system {
		for _, s := range madeStores {
			if _, err := f.make(s.Path, s.Kind); err != nil {
				return err
			}
		}
	}
	for _, v := range env {
		if err := f.named(v); err != nil {
			return err
		}
	}
	for _, dir := range anchorDirs {
		_, info, err := f.root.resolve("/", dir)
		if err == nil && info.IsDir() {
			_, err = f.make(path.Join(dir, caFile), plan.PEMFile)
		}
		if notThere(err) != nil {
			return err
		}
	}
	err := f.walk()
	if errors.Is(err, errCostly) {
		f.cut, err = true, nil
	}
	if err != nil {
		return err
	}
	return f.variables()
}

// bundle adds the file that name means, if it is one of certificates, or empty.
func (f *finder) bundle(dir, name string) (bool, error) {
	real, info, err := f.root.resolve(dir, name)
	if err != nil || !info.Mode().IsRegular() {
		return false, notThere(err)
	}
	if info.Size() > maxStoreFile {
		f.cut = true
		return false, nil
	}
	file, err := f.root.Open(real)
	if err != nil {
		return false, notThere(err)
	}
	defer file.Close() // it was only read
	f.content = f.content[:0]
	b, err := f.read(file, real, info.Size())
	if err != nil {
		return false, err
	}
	p := readPEM(b)
	if len(b) > 0 && p.plain+p.trusted == 0 {
		return false, nil
	}
	return f.add(real, p.kind()), nil
}

// named adds what a variable names.
func (f *finder) named(variable string) error {
	name, value, _ := strings.Cut(variable, "=")
	switch {
	case value == "":
		return nil
	case slices.Contains(fileVariables, name):
		return f.fileOrDir(value)
	case slices.Contains(dirVariables, name):
		for dir := range strings.SplitSeq(value, ":") {
			if err := f.fileOrDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileOrDir adds a file of certificates, or a directory of them. Python's
// requests and curl's wrappers take either in one variable.
func (f *finder) fileOrDir(name string) error {
	if name == "" {
		return nil
	}
	real, info, err := f.root.resolve(f.dir, name)
	switch {
	case err != nil:
		return notThere(err)
	case info.IsDir():
		f.add(real, plan.HashedDir)
		return nil
	}
	_, err = f.bundle("/", real)
	return err
}

// make adds a store that is to be made, and returns its path; it is empty when
// there is something else in its place. A directory may be there already.
func (f *finder) make(name string, kind plan.StoreKind) (string, error) {
	real, err := f.root.place(name)
	if err != nil {
		return "", notThere(err)
	}
	info, err := fs.Lstat(f.root.FS, real)
	if notThere(err) != nil {
		return "", err
	}
	if err == nil && !(kind == plan.HashedDir && info.IsDir()) || !f.add(real, kind) {
		return "", nil
	}
	return path.Join("/", real), nil
}

// add adds a store by its path without links, relative to the root. It returns
// false if there is no place for it.
func (f *finder) add(real string, kind plan.StoreKind) bool {
	name := path.Join("/", real)
	if _, known := f.stores[name]; known {
		return true
	}
	size, ok := plainPath(name)
	if !ok || len(f.stores) == maxStores || f.paths+size > maxStorePaths {
		f.cut = true
		return false
	}
	f.stores[name] = kind
	f.paths += size
	return true
}

// variables adds those that programs need which have certificates compiled in.
func (f *finder) variables() error {
	unset := func(name string) bool {
		return !slices.ContainsFunc(f.set, func(v string) bool { return v == name || strings.HasPrefix(v, name+"=") })
	}
	if f.deno && unset("DENO_TLS_CA_STORE") {
		f.env = append(f.env, "DENO_TLS_CA_STORE=system,mozilla")
	}
	if f.node && unset("NODE_EXTRA_CA_CERTS") {
		name, err := f.make(extraCAFile, plan.PEMFile)
		if err != nil || name == "" {
			return err
		}
		f.env = append(f.env, "NODE_EXTRA_CA_CERTS="+name)
	}
	return nil
}

// notThere drops an error that says that there is no such file, or no way to
// it: that is a fact about the image.
func notThere(err error) error {
	if _, bad := errors.AsType[badPath](err); bad || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil
	}
	return err
}
