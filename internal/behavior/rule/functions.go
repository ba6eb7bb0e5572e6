package rule

import (
	"path"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// functions are the words that the language has beyond CEL's own. All are
// members: path.under("/tmp"). The checker has proved the types of what they are
// given, so CEL need not look again each time.
func functions() []cel.EnvOption {
	options := []cel.EnvOption{
		// Of a path: is it one of, or below one of these.
		cel.Function("under", decls.DisableTypeGuards(true),
			cel.MemberOverload("path_under", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
				cel.BinaryBinding(func(p, dir ref.Val) ref.Val {
					return types.Bool(under(string(p.(types.String)), string(dir.(types.String))))
				})),
			cel.MemberOverload("path_under_any", []*cel.Type{cel.StringType, stringsType}, cel.BoolType,
				cel.BinaryBinding(underAny))),

		// Of a request: the value of a header.
		cel.Function("header", decls.DisableTypeGuards(true), cel.MemberOverload("http_header", []*cel.Type{httpType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(h, name ref.Val) ref.Val {
				request, ok := h.Value().(*tape.HTTP)
				if !ok {
					return types.String("")
				}
				return types.String(header(request, string(name.(types.String))))
			}))),

		// Of a process: is its program of a kind, see behavior.Shell and its like.
		cel.Function("is", decls.DisableTypeGuards(true), cel.MemberOverload("process_is", []*cel.Type{processType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(p, role ref.Val) ref.Val {
				process, ok := p.Value().(*behavior.Process)
				if !ok {
					return types.False
				}
				return types.Bool(process.Role() == string(role.(types.String)))
			}))),
	}
	for name, f := range textWords {
		options = append(options, ofString(name, cel.StringType, func(s string) ref.Val { return types.String(f(s)) }))
	}
	for name, f := range numberWords {
		options = append(options, ofString(name, cel.IntType, func(s string) ref.Val { return types.Int(f(s)) }))
	}
	for name, f := range truthWords {
		options = append(options, ofString(name, cel.BoolType, func(s string) ref.Val { return types.Bool(f(s)) }))
	}
	return options
}

// Words that are functions of one text.
var (
	textWords = map[string]func(string) string{
		// Of a path: its last element.
		"base": path.Base,
		// Of an address or a URL: its host. Of a URL: its path.
		"host": func(s string) string {
			host, _ := behavior.SplitAddress(behavior.URLAddress(s))
			return host
		},
		"path": behavior.URLPath,
		// Of a name: what was registered.
		"domain": behavior.Domain,
		"lower":  strings.ToLower,
	}
	numberWords = map[string]func(string) int64{
		// Of an address or a URL.
		"port": func(s string) int64 {
			_, port := behavior.SplitAddress(behavior.URLAddress(s))
			return int64(port)
		},
	}
	truthWords = map[string]func(string) bool{
		// Of an address or a URL: is it near. Of a host: is it an IP.
		"loopback": func(s string) bool { return behavior.Loopback(behavior.URLAddress(s)) },
		"private":  func(s string) bool { return behavior.Private(behavior.URLAddress(s)) },
		"ip":       behavior.IsIP,
	}
)

// isOurs tells whether a function is one of them.
func isOurs(name string) bool {
	return name == "under" || name == "header" || name == "is" ||
		textWords[name] != nil || numberWords[name] != nil || truthWords[name] != nil
}

func ofString(name string, result *cel.Type, f func(string) ref.Val) cel.EnvOption {
	return cel.Function(name, decls.DisableTypeGuards(true), cel.MemberOverload("string_"+name, []*cel.Type{cel.StringType}, result,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return f(string(v.(types.String))) })))
}

func under(p, dir string) bool {
	rest, ok := strings.CutPrefix(p, strings.TrimSuffix(dir, "/"))
	return ok && dir != "" && (rest == "" || rest[0] == '/')
}

func underAny(path, dirs ref.Val) ref.Val {
	p := string(path.(types.String))
	if list, ok := dirs.Value().([]ref.Val); ok { // a literal list, the usual case
		for _, dir := range list {
			if under(p, string(dir.(types.String))) {
				return types.True
			}
		}
		return types.False
	}
	for it := dirs.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		if under(p, string(it.Next().(types.String))) {
			return types.True
		}
	}
	return types.False
}
