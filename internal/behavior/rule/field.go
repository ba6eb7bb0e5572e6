package rule

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// field is one field of a type of the language: as CEL reads it, and as terms do,
// without making a value of it. Of the getters one is set, by what the field
// holds. They take what the checker has proved to be a pointer to its type.
type field struct {
	cel *types.FieldType

	text   func(any) string
	number func(any) int64
	truth  func(any) bool
	texts  func(any) []string
	named  func(any) map[string]string
	object func(any) any
	// isSet tells whether an object is there; the object itself never is nil.
	isSet func(any) bool
	// count and item are those of a list of objects.
	count func(any) int
	item  func(any, int) any
}

// value describes a field of T. CEL calls get with what [vocabulary] or
// another field gave it, which the checker has proved to be a *T.
func value[T any](kind *cel.Type, get func(*T) ref.Val) *types.FieldType {
	return &types.FieldType{
		Type:  kind,
		IsSet: func(target any) bool { x, ok := target.(*T); return ok && x != nil },
		GetFrom: func(target any) (any, error) {
			x, ok := target.(*T)
			if !ok {
				return nil, fmt.Errorf("field of a %T", target)
			}
			return get(x), nil
		},
	}
}

func text[T any, S ~string](get func(*T) S) *field {
	return &field{
		cel:  value(cel.StringType, func(x *T) ref.Val { return types.String(get(x)) }),
		text: func(x any) string { return string(get(x.(*T))) },
	}
}

func texts[T any](get func(*T) []string) *field {
	return &field{
		cel:   value(stringsType, func(x *T) ref.Val { return types.NewStringList(types.DefaultTypeAdapter, get(x)) }),
		texts: func(x any) []string { return get(x.(*T)) },
	}
}

func truth[T any](get func(*T) bool) *field {
	return &field{
		cel:   value(cel.BoolType, func(x *T) ref.Val { return types.Bool(get(x)) }),
		truth: func(x any) bool { return get(x.(*T)) },
	}
}

func number[T any, N int | int32 | int64 | uint32 | uint64](get func(*T) N) *field {
	return &field{
		cel:    value(cel.IntType, func(x *T) ref.Val { return types.Int(get(x)) }),
		number: func(x any) int64 { return int64(get(x.(*T))) },
	}
}

// named describes a map of texts by name, in which an absent one reads as "".
func named[T any](get func(*T) map[string]string) *field {
	return &field{
		cel: value(cel.MapType(cel.StringType, cel.StringType), func(x *T) ref.Val {
			return arguments{types.NewStringStringMap(types.DefaultTypeAdapter, get(x))}
		}),
		named: func(x any) map[string]string { return get(x.(*T)) },
	}
}

// list describes a list of objects, which lie in a slice.
func list[T, E any](kind *cel.Type, get func(*T) []E) *field {
	return &field{
		cel: value(cel.ListType(kind), func(x *T) ref.Val {
			all := get(x)
			natives := make([]*E, len(all))
			for i := range all {
				natives[i] = &all[i]
			}
			return objects(kind, natives)
		}),
		count: func(x any) int { return len(get(x.(*T))) },
		item:  func(x any, i int) any { return &get(x.(*T))[i] },
	}
}

// payload describes a field that is an object. has() tells whether it is there.
func payload[T, P any](kind *cel.Type, get func(*T) *P) *field {
	empty := new(P)
	object := func(x *T) *P {
		if p := get(x); p != nil {
			return p
		}
		return empty
	}
	isSet := func(target any) bool {
		x, ok := target.(*T)
		return ok && get(x) != nil
	}
	return &field{
		cel: &types.FieldType{
			Type:  kind,
			IsSet: isSet,
			GetFrom: func(target any) (any, error) {
				x, ok := target.(*T)
				if !ok {
					return nil, fmt.Errorf("payload of a %T", target)
				}
				return object(x), nil
			},
		},
		object: func(x any) any { return object(x.(*T)) },
		isSet:  isSet,
	}
}
