package yara

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// parseText reads lines of yara: "namespace:rule file", and if they are full
// "namespace:rule [tags] [meta] file". Behind one there may be lines of where its patterns
// are, "0x1f:4:$name".
func parseText(out string, full bool) (all []match, err error) {
	for line := range strings.Lines(out) {
		l := rest(strings.TrimSuffix(line, "\n"))
		if p, ok := l.place(); ok && len(all) > 0 {
			all[len(all)-1].add(p)
			continue
		}
		m, ok := l.match(full)
		if !ok {
			return nil, fmt.Errorf("%w: %.80q", errOutput, line)
		}
		all = append(all, m)
	}
	return all, nil
}

// rest is what is left of a line.
type rest string

// place is what the line says of a pattern.
func (r *rest) place() (p place, ok bool) {
	after, ok := strings.CutPrefix(string(*r), "0x")
	if !ok {
		return p, false
	}
	parts := strings.SplitN(after, ":", 3)
	if len(parts) < 3 || !strings.HasPrefix(parts[2], "$") {
		return p, false
	}
	offset, err := strconv.ParseInt(parts[0], 16, 64)
	return place{clip(parts[2]), offset}, err == nil
}

// add adds a place, if there is room for it.
func (m *match) add(p place) {
	if len(m.places) < maxPlaces {
		m.places = append(m.places, p)
	}
}

func (r *rest) match(full bool) (m match, ok bool) {
	if m.space, ok = r.until(":"); !ok {
		return m, false
	}
	if m.rule, ok = r.until(" "); !ok {
		return m, false
	}
	if full {
		tags, ok := "", r.take("[")
		if !ok {
			return m, false
		}
		if tags, ok = r.until("] "); !ok {
			return m, false
		}
		if tags != "" {
			m.tags = strings.Split(tags, ",")
		}
		if m.meta, ok = r.metas(); !ok {
			return m, false
		}
	}
	m.file = string(*r)
	return m, m.space != "" && m.rule != "" && m.file != ""
}

// until takes what is before the next mark, and the mark.
func (r *rest) until(mark string) (string, bool) {
	before, after, ok := strings.Cut(string(*r), mark)
	*r = rest(after)
	return before, ok
}

func (r *rest) take(mark string) bool {
	after, ok := strings.CutPrefix(string(*r), mark)
	*r = rest(after)
	return ok
}

// metas takes "[key=value,key=value] ". A number may have a blank before its sign of
// equality, and a text is quoted.
func (r *rest) metas() (all []meta, ok bool) {
	if !r.take("[") {
		return nil, false
	}
	if r.take("] ") {
		return nil, true
	}
	for {
		key, ok := r.until("=")
		if !ok {
			return nil, false
		}
		m := meta{key: strings.TrimSuffix(key, " ")}
		if r.take(`"`) {
			if m.value, ok = r.quoted(); !ok {
				return nil, false
			}
		} else {
			end := strings.IndexAny(string(*r), ",]")
			if end < 0 {
				return nil, false
			}
			m.value = string((*r)[:end])
			*r = (*r)[end:]
		}
		all = append(all, m)
		switch {
		case r.take(","):
		case r.take("] "):
			return all, true
		default:
			return nil, false
		}
	}
}

// quoted takes a text to its closing quote.
func (r *rest) quoted() (string, bool) {
	var b strings.Builder
	for i := 0; i < len(*r); i++ {
		switch c := (*r)[i]; {
		case c == '"':
			*r = (*r)[i+1:]
			return b.String(), true
		case c != '\\' || i+1 == len(*r):
			b.WriteByte(c)
		default:
			i++
			i += escaped(&b, string((*r)[i:]))
		}
	}
	return "", false
}

// escaped writes what stands behind a backslash, and returns how many bytes of it are
// more than one.
func escaped(b *strings.Builder, s string) int {
	if len(s) >= 3 {
		if n, err := strconv.ParseUint(s[:3], 8, 8); err == nil {
			b.WriteByte(byte(n))
			return 2
		}
	}
	if at := strings.IndexByte("abtnvfr", s[0]); at >= 0 {
		b.WriteByte(byte('\a' + at))
	} else {
		b.WriteByte(s[0])
	}
	return 0
}

// scanned is a line of yr in JSON: what is known of one file.
type scanned struct {
	Path  string `json:"path"`
	Rules []struct {
		Identifier string          `json:"identifier"`
		Namespace  string          `json:"namespace"`
		Tags       []string        `json:"tags"`
		Meta       json.RawMessage `json:"meta"`
		Strings    []struct {
			Identifier string `json:"identifier"`
			Offset     int64  `json:"offset"`
		} `json:"strings"`
	} `json:"rules"`
}

// parseJSON reads lines of yr.
func parseJSON(out []byte) (all []match, err error) {
	for line := range bytes.Lines(out) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var s scanned
		if err := json.Unmarshal(line, &s); err != nil || s.Path == "" {
			return nil, fmt.Errorf("%w: %.80q", errOutput, line)
		}
		for _, r := range s.Rules {
			m := match{name: name{r.Namespace, r.Identifier}, file: s.Path, tags: r.Tags}
			if m.meta, err = metas(r.Meta); err != nil || r.Identifier == "" {
				return nil, fmt.Errorf("%w: %.80q", errOutput, line)
			}
			for _, p := range r.Strings {
				m.add(place{clip(p.Identifier), max(p.Offset, 0)})
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// metas reads pairs of keys and values: those of a list, which may have a key twice, or
// those of an object.
func metas(text json.RawMessage) (all []meta, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	var pairs [][]any
	if json.Unmarshal(text, &pairs) == nil {
		for _, p := range pairs {
			if len(p) != 2 {
				return nil, errOutput
			}
			all = append(all, meta{fmt.Sprint(p[0]), plain(p[1])})
		}
		return all, nil
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	for k, v := range object {
		all = append(all, meta{k, plain(v)})
	}
	return all, nil
}

// plain is a value as text; numbers of JSON have no exponent.
func plain(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
