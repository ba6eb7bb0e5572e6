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
	return []cel.EnvOption{
		// Of a path: its last element; is it one of, or below one of these.
		ofString("base", cel.StringType, func(s string) ref.Val { return types.String(path.Base(s)) }),
		cel.Function("under", decls.DisableTypeGuards(true),
			cel.MemberOverload("path_under", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
				cel.BinaryBinding(func(p, dir ref.Val) ref.Val {
					return types.Bool(under(string(p.(types.String)), string(dir.(types.String))))
				})),
			cel.MemberOverload("path_under_any", []*cel.Type{cel.StringType, stringsType}, cel.BoolType,
				cel.BinaryBinding(underAny))),

		// Of an address or a URL: its host and port, and whether it is near.
		ofString("host", cel.StringType, func(s string) ref.Val {
			host, _ := behavior.SplitAddress(behavior.URLAddress(s))
			return types.String(host)
		}),
		ofString("port", cel.IntType, func(s string) ref.Val {
			_, port := behavior.SplitAddress(behavior.URLAddress(s))
			return types.Int(port)
		}),
		ofString("loopback", cel.BoolType, func(s string) ref.Val { return types.Bool(behavior.Loopback(behavior.URLAddress(s))) }),
		ofString("private", cel.BoolType, func(s string) ref.Val { return types.Bool(behavior.Private(behavior.URLAddress(s))) }),

		// Of a URL: its path. Of a host: is it an IP; and of a name, what was
		// registered.
		ofString("path", cel.StringType, func(s string) ref.Val { return types.String(behavior.URLPath(s)) }),
		ofString("ip", cel.BoolType, func(s string) ref.Val { return types.Bool(behavior.IsIP(s)) }),
		ofString("domain", cel.StringType, func(s string) ref.Val { return types.String(behavior.Domain(s)) }),

		// Of a request: the value of a header.
		cel.Function("header", decls.DisableTypeGuards(true), cel.MemberOverload("http_header", []*cel.Type{httpType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(h, name ref.Val) ref.Val {
				request, ok := h.Value().(*tape.HTTP)
				if !ok {
					return types.String("")
				}
				return types.String(header(request, string(name.(types.String))))
			}))),

		// Of any string.
		ofString("lower", cel.StringType, func(s string) ref.Val { return types.String(strings.ToLower(s)) }),

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
}

// isOurs tells whether a function is one of them.
func isOurs(name string) bool {
	switch name {
	case "base", "under", "host", "port", "loopback", "private", "path", "ip", "domain", "header", "lower", "is":
		return true
	}
	return false
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
