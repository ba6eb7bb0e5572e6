package detonate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
)

func TestNewPlanUser(t *testing.T) {
	cases := []struct {
		spec string
		want plan.User
		home string
	}{
		{"", plan.User{Groups: []uint32{0, 10}}, "/root"},
		{"root", plan.User{Groups: []uint32{0, 10}}, "/root"},
		{"0", plan.User{Groups: []uint32{0, 10}}, "/root"},
		{"nginx", plan.User{UID: 101, GID: 102, Groups: []uint32{102, 10, 103}}, "/var/cache/nginx"},
		{"101", plan.User{UID: 101, GID: 102, Groups: []uint32{102, 10, 103}}, "/var/cache/nginx"},
		{"nginx:", plan.User{UID: 101, GID: 102, Groups: []uint32{102, 10, 103}}, "/var/cache/nginx"},
		{"nginx:ssl", plan.User{UID: 101, GID: 103, Groups: []uint32{103}}, "/var/cache/nginx"},
		{"nginx:4000", plan.User{UID: 101, GID: 4000, Groups: []uint32{4000}}, "/var/cache/nginx"},
		{"nginx:77", plan.User{UID: 101, GID: 78, Groups: []uint32{78}}, "/var/cache/nginx"},
		{"5000", plan.User{UID: 5000, Groups: []uint32{0}}, "/"},
		{"5000:6000", plan.User{UID: 5000, GID: 6000, Groups: []uint32{6000}}, "/"},
		{":ssl", plan.User{GID: 103, Groups: []uint32{103}}, "/root"},
		{"homeless", plan.User{UID: 7, GID: 7, Groups: []uint32{7}}, "/"},
		{"1234", plan.User{UID: 55, GID: 56, Groups: []uint32{56}}, "/digits"},
	}
	for _, c := range cases {
		t.Run(c.spec, func(t *testing.T) {
			got, err := detonate.NewPlan(newImage(detonaut.Config{Cmd: []string{"app"}, User: c.spec}), root(), detonate.Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.User); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			if last := got.Env[len(got.Env)-1]; last != "HOME="+c.home {
				t.Errorf("got %s, want HOME=%s", last, c.home)
			}
		})
	}
}
