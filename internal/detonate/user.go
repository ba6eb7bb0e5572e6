package detonate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// Bounds on a subject's /etc/passwd and /etc/group.
const (
	maxAccounts = 16 << 20 // bytes of one file
	maxAccount  = 64 << 10 // bytes of one line
	maxGroups   = 1024     // groups that one user is in
)

// account is who the subject runs as, and where that user is at home.
type account struct {
	plan.User
	home string
}

// lookupUser resolves spec, as the USER of a Dockerfile has it: "", "name",
// "uid", "name:group", "uid:gid" and mixtures, with the rules of Docker: the
// first line that matches wins, a number that no line has is taken as it is
// with group 0, and a user without an explicit group is also in every group
// that lists it. Lines that make no sense are skipped.
func lookupUser(root rootFS, field, spec string) (account, error) {
	userSpec, groupSpec, _ := strings.Cut(spec, ":")
	who := account{home: "/"}
	uid, numeric := parseID(or(userSpec, "0"))
	name := ""
	err := eachAccount(root, "etc/passwd", func(f []string) bool {
		if len(f) < 4 {
			return true
		}
		id, okUID := parseID(f[2])
		gid, okGID := parseID(f[3])
		if !okUID || !okGID || (f[0] != userSpec || f[0] == "") && (!numeric || id != uid) {
			return true
		}
		name, who.UID, who.GID = f[0], id, gid
		if len(f) > 5 && f[5] != "" {
			who.home = f[5]
		}
		return false
	})
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return account{}, pathError(field, "/etc/passwd", err)
	case name != "":
	case numeric:
		who.UID = uid
	case err != nil:
		return account{}, cannotRun(field, "no user %q: the image has no /etc/passwd", short(userSpec))
	default:
		return account{}, cannotRun(field, "no user %q in /etc/passwd", short(userSpec))
	}
	return who, lookupGroups(root, field, name, groupSpec, &who.User)
}

// lookupGroups adds the groups of user name to u, or sets the one that spec
// names.
func lookupGroups(root rootFS, field, name, spec string, u *plan.User) error {
	gid, numeric := parseID(spec)
	found, many := false, false
	u.Groups = []uint32{u.GID}
	err := eachAccount(root, "etc/group", func(f []string) bool {
		if len(f) < 3 {
			return true
		}
		id, ok := parseID(f[2])
		switch {
		case !ok:
		case spec != "":
			if f[0] == spec || numeric && id == gid {
				gid, found = id, true
				return false
			}
		case name != "" && len(f) > 3 && !slices.Contains(u.Groups, id) && slices.Contains(strings.Split(f[3], ","), name):
			u.Groups = append(u.Groups, id)
			many = len(u.Groups) > maxGroups
		}
		return !many
	})
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return pathError(field, "/etc/group", err)
	case many:
		return cannotRun(field, "member of more than %d groups", maxGroups)
	case spec == "":
		return nil
	case found, numeric:
		u.GID, u.Groups = gid, []uint32{gid}
		return nil
	case err != nil:
		return cannotRun(field, "no group %q: the image has no /etc/group", short(spec))
	}
	return cannotRun(field, "no group %q in /etc/group", short(spec))
}

// parseID reads a user or group number, of which Docker allows 31 bits.
func parseID(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n <= math.MaxInt32
}

// eachAccount calls visit with the fields of each line of a file, until it
// returns false. A file that is not regular counts as none.
func eachAccount(root rootFS, name string, visit func(fields []string) bool) (err error) {
	real, info, err := root.resolve("/", name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fs.ErrNotExist
	}
	f, err := root.Open(real)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	left := &io.LimitedReader{R: f, N: maxAccounts}
	lines := bufio.NewReaderSize(left, maxAccount)
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // no account has such a line
			_, err = lines.ReadSlice('\n')
			line = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if left.N <= 0 {
			return badPath(fmt.Sprintf("more than %d bytes", maxAccounts))
		}
		if s := strings.TrimSpace(string(line)); s != "" && !visit(strings.Split(s, ":")) {
			return nil
		}
		if err != nil {
			return nil
		}
	}
}

// short cuts a string of the subject that is going to be quoted.
func short(s string) string { return s[:min(len(s), 200)] }
