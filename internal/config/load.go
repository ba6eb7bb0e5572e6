package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
)

// maxFile bounds a file of the operator's, in bytes.
const maxFile = 1 << 20

// Loaded is a configuration that knows where each value came from.
type Loaded struct {
	Config
	// source has, for each key that is not at its default, where it was set.
	source map[string]string
}

// Env looks up a variable of the environment; it is [os.Getenv], or stands in
// for it.
type Env func(name string) string

// Path is where the configuration file is looked for when nobody names one:
// $XDG_CONFIG_HOME/detonaut/config.yaml, or below ~/.config. It is empty when
// the environment has no home.
func Path(env Env) string {
	dir := env("XDG_CONFIG_HOME")
	if dir == "" {
		home := env("HOME")
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "detonaut", "config.yaml")
}

// Defaults is the configuration where nobody says otherwise.
func Defaults() *Loaded { return &Loaded{Config: Default(), source: map[string]string{}} }

// Load reads the defaults, the file and the environment. An empty file means
// the one of [Path], which need not exist; a file that is named must. Errors
// are [detonaut.ErrUsage] and name the file and line, or the variable.
func Load(file string, env Env) (*Loaded, error) {
	l := Defaults()
	named := file != ""
	if !named {
		file = Path(env)
	}
	if file != "" {
		if err := l.file(file); err != nil && (named || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
	}
	for _, key := range Keys() {
		if v := env(Variable(key)); v != "" {
			if err := l.Set(key, v, Variable(key)); err != nil {
				return nil, err
			}
		}
	}
	if l.Run.Network == string(plan.Live) {
		return nil, fmt.Errorf("%w: %s: run.network: a live network is typed for the run that needs it: use --network live",
			detonaut.ErrUsage, l.Source("run.network"))
	}
	return l, nil
}

// Variable is the name of the environment variable for key.
func Variable(key string) string {
	return "DETONAUT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Keys lists every key, in the order of the file.
func Keys() []string {
	var c Config
	var keys []string
	each(reflect.ValueOf(&c).Elem(), "", func(key string, _ reflect.Value) { keys = append(keys, key) })
	return keys
}

// Source tells where the value of key came from: "default", a variable, a flag
// or "file:line".
func (l *Loaded) Source(key string) string {
	if s, ok := l.source[key]; ok {
		return s
	}
	return "default"
}

// Text is the value of key, as [Loaded.Set] takes it.
func (l *Loaded) Text(key string) string {
	v := l.fields()[key]
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	var texts []string
	for i := range v.Len() {
		texts = append(texts, fmt.Sprint(v.Index(i).Interface()))
	}
	return strings.Join(texts, ",")
}

// Set sets key to what text says. The source is for [Loaded.Source] and for
// the error, which is [detonaut.ErrUsage]. A list is separated by commas.
func (l *Loaded) Set(key, text, source string) error {
	field, ok := l.fields()[key]
	if !ok {
		return fmt.Errorf("%w: %s: unknown key %q", detonaut.ErrUsage, source, key)
	}
	if err := setText(field, text); err != nil {
		return fmt.Errorf("%w: %s: %s: %w", detonaut.ErrUsage, source, key, err)
	}
	l.source[key] = source
	return nil
}

// YAML is the configuration as a file would have it, with a comment at each
// value that is not at its default.
func (l *Loaded) YAML() ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(l.Config); err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	var comment func(n *yaml.Node, prefix string)
	comment = func(n *yaml.Node, prefix string) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := prefix + n.Content[i].Value
			if value := n.Content[i+1]; value.Kind == yaml.MappingNode {
				comment(value, key+".")
			} else if s, ok := l.source[key]; ok {
				value.LineComment = s
				value.Style |= yaml.FlowStyle // the comment of a list would land behind the next value
			}
		}
	}
	comment(&root, "")
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&root); err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return b.Bytes(), nil
}

func (l *Loaded) fields() map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	each(reflect.ValueOf(&l.Config).Elem(), "", func(key string, v reflect.Value) { fields[key] = v })
	return fields
}

// each calls visit for every value below v, a struct of structs.
func each(v reflect.Value, prefix string, visit func(key string, v reflect.Value)) {
	for i := range v.NumField() {
		key := prefix + v.Type().Field(i).Tag.Get("yaml")
		if f := v.Field(i); f.Kind() == reflect.Struct {
			each(f, key+".", visit)
		} else {
			visit(key, f)
		}
	}
}

func setText(field reflect.Value, text string) error {
	switch p := field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration such as 30s or 2m", text)
		}
		*p = d
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*p = n
	case *float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", text)
		}
		*p = n
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = b
	case *string:
		*p = text
	case *[]string:
		*p = list(text)
	case *[]uint16:
		var numbers []uint16
		for _, s := range list(text) {
			n, err := strconv.ParseUint(s, 10, 16)
			if err != nil {
				return fmt.Errorf("%q is no number from 0 to 65535", s)
			}
			numbers = append(numbers, uint16(n))
		}
		*p = numbers
	default:
		return fmt.Errorf("a value of type %s cannot be set", field.Type())
	}
	return nil
}

// list splits what commas separate.
func list(text string) []string {
	return slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
}

// file reads a configuration file.
func (l *Loaded) file(name string) error {
	b, err := readFile(name)
	if err != nil {
		return fmt.Errorf("%w: read configuration: %w", detonaut.ErrUsage, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("%w: %s: %w", detonaut.ErrUsage, name, err)
	}
	if doc.Kind == 0 {
		return nil // an empty file
	}
	return l.mapping(doc.Content[0], name, "", l.fields())
}

// readFile reads a file of the operator's, of maxFile bytes at most.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: more than %d bytes", name, maxFile)
	}
	return b, err
}

// mapping takes over the values of one section of a file.
func (l *Loaded) mapping(n *yaml.Node, name, prefix string, fields map[string]reflect.Value) error {
	at := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", name, n.Line) }
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%w: %s: %s: want a section of keys and values", detonaut.ErrUsage, at(n), strings.TrimSuffix(prefix, "."))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		full := prefix + key.Value
		field, ok := fields[full]
		switch {
		case seen[full]:
			return fmt.Errorf("%w: %s: %s is set twice", detonaut.ErrUsage, at(key), full)
		case isSection(full, fields):
			if err := l.mapping(value, name, full+".", fields); err != nil {
				return err
			}
		case !ok:
			return fmt.Errorf("%w: %s: unknown key %q", detonaut.ErrUsage, at(key), full)
		case value.Kind == yaml.SequenceNode && field.Kind() == reflect.Slice:
			if err := value.Decode(field.Addr().Interface()); err != nil {
				return fmt.Errorf("%w: %s: %s: %w", detonaut.ErrUsage, at(value), full, err)
			}
			l.source[full] = at(value)
		case value.Kind != yaml.ScalarNode:
			return fmt.Errorf("%w: %s: %s: want one value", detonaut.ErrUsage, at(value), full)
		default:
			if err := l.Set(full, value.Value, at(value)); err != nil {
				return err
			}
		}
		seen[full] = true
	}
	return nil
}

func isSection(key string, fields map[string]reflect.Value) bool {
	for k := range fields {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}
