// Package push reads what registries send when somebody has pushed to them: the webhooks of Docker Hub,
// Harbor and Quay, and the notifications of distribution.
package push

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// MaxBody bounds a body, in bytes; MaxEvents how many pushes of one are told.
const (
	MaxBody   = 1 << 20
	MaxEvents = 1000
)

// Kinds are those of senders, sorted.
var Kinds = []string{"distribution", "dockerhub", "harbor", "quay"}

// Pushed is a tag that was pushed, as its sender says: whether it speaks for that registry is for who
// has got the body to know. Strings in it are names of images that make sense.
type Pushed struct {
	Registry   string // "docker.io"
	Repository string // "library/nginx"
	Tag        string
	Digest     detonaut.Digest // of a manifest or an index; empty if it is not told
	At         time.Time       // zero if it is not told
}

// Parse reads a body of a kind of sender: what was pushed, each once. What is no push of a tag is nothing: a
// pull, a layer, a manifest that is a part of an index. The error is [detonaut.ErrUsage] for a kind
// that there is not, [detonaut.ErrCorrupt] for what is no body of it, or [detonaut.ErrLimit].
func Parse(kind string, body []byte) ([]Pushed, error) {
	parsers := map[string]func([]byte) ([]Pushed, error){
		"distribution": distribution, "dockerhub": dockerHub, "harbor": harbor, "quay": quay,
	}
	parse := parsers[kind]
	switch {
	case parse == nil:
		return nil, fmt.Errorf("read a push: want a sender of %s: %w", strings.Join(Kinds, ", "), detonaut.ErrUsage)
	case len(body) > MaxBody:
		return nil, fmt.Errorf("read a push of %s: more than %d bytes: %w", kind, MaxBody, detonaut.ErrLimit)
	}
	told, err := parse(body)
	if err != nil {
		return nil, fmt.Errorf("read a push of %s: %w", kind, err)
	}
	if len(told) > MaxEvents {
		return nil, fmt.Errorf("read a push of %s: more than %d tags: %w", kind, MaxEvents, detonaut.ErrLimit)
	}
	var found []Pushed
	for _, p := range told {
		if p, ok := checked(p); ok && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found, nil
}

var digestRE = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// checked is a push of something that can be pulled.
func checked(p Pushed) (Pushed, bool) {
	p.Registry = strings.ToLower(p.Registry)
	r, err := image.ParseRemote(detonaut.Ref(p.Registry + "/" + p.Repository + ":" + p.Tag))
	if err != nil || p.Registry == "" || r.Registry != p.Registry || r.Repository != p.Repository || r.Tag != p.Tag || r.Digest != "" {
		return p, false
	}
	if !digestRE.MatchString(string(p.Digest)) {
		p.Digest = ""
	}
	if p.At = p.At.UTC(); p.At.Year() < 2000 || p.At.Year() > 2200 {
		p.At = time.Time{}
	}
	return p, true
}

func read(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("it is no body of it: %w", detonaut.ErrCorrupt) // whose text would quote it
	}
	return nil
}

// moment is a time, as seconds or as RFC 3339; what makes no sense is none.
type moment struct{ time.Time }

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > 0 && f < 1e11 {
		m.Time = time.Unix(int64(f), 0)
	} else if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		m.Time = t
	}
	return nil
}

// dockerHub reads a webhook of Docker Hub, which is of one tag.
func dockerHub(body []byte) ([]Pushed, error) {
	var b struct {
		Push struct {
			At  moment `json:"pushed_at"`
			Tag string `json:"tag"`
		} `json:"push_data"`
		Repository struct {
			Name string `json:"repo_name"`
		} `json:"repository"`
	}
	if err := read(body, &b); err != nil || b.Push.Tag == "" || b.Repository.Name == "" {
		return nil, err
	}
	name := b.Repository.Name
	if !strings.Contains(name, "/") {
		name = "library/" + name
	}
	return []Pushed{{Registry: "docker.io", Repository: name, Tag: b.Push.Tag, At: b.Push.At.Time}}, nil
}

// manifests are the media types of what can be an image, or an index of images.
var manifests = []string{
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
}

// distribution reads an envelope of events.
func distribution(body []byte) (told []Pushed, err error) {
	var b struct {
		Events []struct {
			Action string `json:"action"`
			At     moment `json:"timestamp"`
			Target struct {
				MediaType  string          `json:"mediaType"`
				Digest     detonaut.Digest `json:"digest"`
				Repository string          `json:"repository"`
				Tag        string          `json:"tag"`
				URL        string          `json:"url"`
			} `json:"target"`
			Request struct {
				Host string `json:"host"`
			} `json:"request"`
		} `json:"events"`
	}
	if err := read(body, &b); err != nil {
		return nil, err
	}
	for _, e := range b.Events {
		if e.Action != "push" || e.Target.Tag == "" || !slices.Contains(manifests, e.Target.MediaType) {
			continue
		}
		host := e.Request.Host
		if u, err := url.Parse(e.Target.URL); host == "" && err == nil {
			host = u.Host
		}
		told = append(told, Pushed{Registry: host, Repository: e.Target.Repository, Tag: e.Target.Tag, Digest: e.Target.Digest, At: e.At.Time})
	}
	return told, nil
}

// harborEvent is what both forms of Harbor's webhooks have in them.
type harborEvent struct {
	Resources []struct {
		Digest detonaut.Digest `json:"digest"`
		Tag    string          `json:"tag"`
		URL    string          `json:"resource_url"`
	} `json:"resources"`
	Repository struct {
		Name string `json:"repo_full_name"`
	} `json:"repository"`
}

// harbor reads a webhook of Harbor, in its own form or as a cloud event.
func harbor(body []byte) (told []Pushed, err error) {
	var b struct {
		Type  string      `json:"type"`
		At    moment      `json:"occur_at"`
		Event harborEvent `json:"event_data"`
		Time  moment      `json:"time"`
		Data  harborEvent `json:"data"`
	}
	if err := read(body, &b); err != nil {
		return nil, err
	}
	event, at := b.Event, b.At
	switch b.Type {
	case "PUSH_ARTIFACT", "pushImage":
	case "harbor.artifact.pushed":
		event, at = b.Data, b.Time
	default:
		return nil, nil
	}
	for _, r := range event.Resources {
		host, _, _ := strings.Cut(r.URL, "/")
		if r.Tag != "" {
			told = append(told, Pushed{Registry: host, Repository: event.Repository.Name, Tag: r.Tag, Digest: r.Digest, At: at.Time})
		}
	}
	return told, nil
}

// quay reads a notification of Quay that a repository was pushed to.
func quay(body []byte) (told []Pushed, err error) {
	var b struct {
		Repository string          `json:"repository"`
		URL        string          `json:"docker_url"`
		Updated    json.RawMessage `json:"updated_tags"`
	}
	if err := read(body, &b); err != nil {
		return nil, err
	}
	var tags []string
	var digests map[string]json.RawMessage // old ones have a table, by tag
	if json.Unmarshal(b.Updated, &tags) != nil && json.Unmarshal(b.Updated, &digests) == nil {
		for tag := range digests {
			tags = append(tags, tag)
		}
		slices.Sort(tags)
	}
	host, _, _ := strings.Cut(b.URL, "/")
	for _, tag := range tags {
		told = append(told, Pushed{Registry: host, Repository: b.Repository, Tag: tag})
	}
	return told, nil
}
