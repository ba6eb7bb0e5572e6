package bait_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/plan"
)

// filesOf are the files of all kinds, by kind and name.
func filesOf(s *bait.Set) map[string]bait.PlantedFile {
	all := map[string]bait.PlantedFile{}
	for _, kind := range plan.BaitKinds() {
		for _, f := range s.Files(string(kind)) {
			all[path.Join(string(kind), f.Name)] = f
		}
	}
	return all
}

// Every credential of a file is in one, and is found there, and no other is.
func TestFilesHaveTheirCredentials(t *testing.T) {
	s := newSet(t, 1)
	in := map[string][]string{}
	for name, f := range filesOf(s) {
		found, complete := s.Search(f.Content)
		if !complete {
			t.Errorf("%s is not searched to its end", name)
		}
		for _, m := range found {
			if m.Encoding == "plain" {
				in[m.Name] = append(in[m.Name], name)
			}
			if got := bait.SourceOf(m.Name); got != bait.File {
				t.Errorf("%s has %s, which is of a %s", name, m.Name, got)
			}
		}
		if len(found) == 0 && !strings.HasSuffix(name, "/ca.crt") && !strings.HasSuffix(name, "/namespace") {
			t.Errorf("%s has no credential", name)
		}
	}
	for _, k := range bait.All {
		if k.Source == bait.File && len(in[k.Name]) != 1 {
			t.Errorf("%s is in %q, want one file", k.Name, in[k.Name])
		}
	}
	if got := s.Files("no-such"); got != nil {
		t.Errorf("files of no kind: %v", got)
	}
}

func TestVariablesHaveTheirCredentials(t *testing.T) {
	s := newSet(t, 1)
	var names []string
	for _, v := range plan.BaitVariables() {
		name := bait.Variable(v)
		names = append(names, name)
		if got := s.Plain(bait.Environment, []byte("x="+s.Value(name)+" y")); !slices.Equal(got, []bait.Match{{Name: name, Encoding: "plain"}}) {
			t.Errorf("%s: found %v in itself", v, got)
		}
		if got := s.Plain(bait.File, []byte(s.Value(name))); got != nil {
			t.Errorf("%s is taken for a file: %v", v, got)
		}
	}
	var want []string
	for _, k := range bait.All {
		if k.Source == bait.Environment {
			want = append(want, k.Name)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("credentials of variables (-want +got):\n%s", diff)
	}
}

// What others would read of a file makes sense to them, and to no program that
// was not told of it.
func TestFilesAreWellFormed(t *testing.T) {
	files := filesOf(newSet(t, 1))
	for name, f := range files {
		text := string(f.Content)
		switch {
		case strings.HasPrefix(text, "{") && !json.Valid(f.Content):
			t.Errorf("%s is no JSON: %s", name, text)
		case strings.Contains(text, "%!"):
			t.Errorf("%s is written wrongly: %s", name, text)
		case strings.Contains(text, "current-context"), strings.Contains(text, "[default]"), strings.Contains(text, "[client]"), strings.Contains(text, "credHelpers"):
			t.Errorf("%s is taken up by programs: %s", name, text)
		case f.Mode != 0o600 && !strings.HasPrefix(name, "service-account/"):
			t.Errorf("%s has the mode %o", name, f.Mode)
		}
		for _, taken := range []string{"application_default_credentials.json", "id_ed25519", "id_rsa", "profiles.ini", "azureProfile.json"} {
			if path.Base(name) == taken {
				t.Errorf("%s is taken up by programs", name)
			}
		}
	}
	block, _ := pem.Decode(files["service-account/kubernetes.io/serviceaccount/ca.crt"].Content)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !ca.IsCA || ca.CheckSignatureFrom(ca) != nil {
		t.Errorf("the certificate of the cluster: %v", err)
	}
	if b := files["bitcoin/wallet.dat"].Content; len(b)%512 != 0 || !bytes.HasPrefix(b[12:], []byte("\x62\x31\x05\x00")) {
		t.Errorf("the wallet is no Berkeley DB: % x", b[:32])
	}
}

// Nothing of the files is the same in two runs but their form: no host, no name
// of an account, that gives a run away.
func TestFilesOfTwoRunsDiffer(t *testing.T) {
	one, same, other := filesOf(newSet(t, 1)), filesOf(newSet(t, 1)), filesOf(newSet(t, 2))
	if diff := cmp.Diff(one, same); diff != "" {
		t.Errorf("the same seed gives two sets of files:\n%s", diff)
	}
	for name, f := range other {
		if g, ok := one[name]; ok && path.Base(name) != "namespace" && bytes.Equal(f.Content, g.Content) {
			t.Errorf("%s is the same in two runs", name)
		}
	}
}
