package web

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// maxSeconds is the longest run that can be asked for here.
const maxSeconds = 24 * 60 * 60

var optionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9/._-]{0,63}$`)

// parse reads what is asked for.
func (v *submitView) parse() (detonaut.Ref, store.RunOptions, error) {
	o := store.RunOptions{Platform: v.Platform, Profile: v.Profile}
	if v.Ref == "" || len(v.Ref) > maxRef {
		return "", o, refused(http.StatusBadRequest, "Name an image, such as nginx:latest.")
	}
	for _, word := range []string{o.Platform, o.Profile} {
		if word != "" && !optionForm.MatchString(word) {
			return "", o, refused(http.StatusBadRequest, "A platform is written as linux/amd64, and a profile is one word.")
		}
	}
	if v.Seconds != "" {
		n, err := strconv.Atoi(v.Seconds)
		if err != nil || n < 1 || n > maxSeconds {
			return "", o, refused(http.StatusBadRequest, "A run lasts from 1 to %d seconds.", maxSeconds)
		}
		o.Duration = time.Duration(n) * time.Second
	}
	return detonaut.Ref(v.Ref), o, nil
}

// submitProblem says why a submission is not taken.
func submitProblem(err error) problem {
	for _, known := range []struct {
		is     error
		status int
		text   string
	}{
		{detonaut.ErrUsage, http.StatusBadRequest, "This is not the name of an image that can be analysed here."},
		{detonaut.ErrUnauthorized, http.StatusForbidden, "You may not submit this."},
		{detonaut.ErrLimit, http.StatusTooManyRequests, "Too many are waiting. Try again later."},
	} {
		var r *refusal
		if !errors.Is(err, known.is) || errors.As(err, &r) {
			continue
		}
		text := known.text
		if known.status == http.StatusBadRequest { // what is wrong with a ref is said for whoever typed it
			text += " " + cut(err.Error(), 2*maxShown)
		}
		err = refused(known.status, "%s", text)
	}
	return problemOf(err)
}
