package rule

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// Types of the language. Apart from Process and Image they are those of the tape.
var (
	eventType    = cel.ObjectType("Event")
	processType  = cel.ObjectType("Process")
	endType      = cel.ObjectType("End")
	programType  = cel.ObjectType("Exec")
	fileType     = cel.ObjectType("File")
	socketType   = cel.ObjectType("Socket")
	questionType = cel.ObjectType("Question")
	memoryType   = cel.ObjectType("Memory")
	callType     = cel.ObjectType("Call")
	outputType   = cel.ObjectType("Output")

	stringsType = cel.ListType(cel.StringType)
)

// object is a value of one of those types.
type object struct {
	kind   *cel.Type
	native any
}

func (o *object) Type() ref.Type { return o.kind }
func (o *object) Value() any     { return o.native }

func (o *object) Equal(other ref.Val) ref.Val {
	return types.Bool(other.Type() == o.kind && other.Value() == o.native)
}

func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be converted", o.kind)
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("%s cannot be converted to %s", o.kind, t)
}

// arguments is the map of a call's arguments or a message's fields, in which
// every key has a value: that of an absent one is "". The subject decides how it
// calls, so an absent one must not be an error.
type arguments struct {
	traits.Mapper
}

func (a arguments) Get(key ref.Val) ref.Val {
	v, _ := a.Find(key)
	return v
}

func (a arguments) Find(key ref.Val) (ref.Val, bool) {
	if v, ok := a.Mapper.Find(key); ok {
		return v, true
	}
	return types.String(""), true
}

// vocabulary tells CEL of the types and their fields.
type vocabulary struct {
	types.Adapter
	types.Provider
	fields map[string]map[string]*field
}

func newVocabulary() *vocabulary {
	base := types.NewEmptyRegistry()
	v := &vocabulary{Adapter: base, Provider: base}
	v.fields = fieldTable()
	return v
}

// NativeToValue makes CEL values of the types of the tape.
func (v *vocabulary) NativeToValue(value any) ref.Val {
	switch x := value.(type) {
	case ref.Val:
		return x
	case *tape.Event:
		return &object{eventType, x}
	case *behavior.Process:
		return &object{processType, x}
	case *facts:
		return &object{imageType, x}
	case *tape.End:
		return &object{endType, x}
	case *tape.Process:
		return &object{programType, x}
	case *tape.File:
		return &object{fileType, x}
	case *tape.Socket:
		return &object{socketType, x}
	case *tape.Question:
		return &object{questionType, x}
	case *tape.Memory:
		return &object{memoryType, x}
	case *tape.Call:
		return &object{callType, x}
	case *tape.Output:
		return &object{outputType, x}
	}
	if x := trafficValue(value); x != nil {
		return x
	}
	if x := payloadValue(value); x != nil {
		return x
	}
	return v.Adapter.NativeToValue(value)
}

// FindStructType returns the type of a name.
func (v *vocabulary) FindStructType(name string) (*types.Type, bool) {
	if _, ok := v.fields[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return v.Provider.FindStructType(name)
}

// FindStructFieldNames returns the fields of a type, in no order.
func (v *vocabulary) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := v.fields[name]
	if !ok {
		return v.Provider.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for f := range fields {
		names = append(names, f)
	}
	return names, true
}

// FindStructFieldType returns one field of a type.
func (v *vocabulary) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := v.fields[name]
	if !ok {
		return v.Provider.FindStructFieldType(name, field)
	}
	f, ok := fields[field]
	if !ok {
		return nil, false
	}
	return f.cel, true
}

// NewValue refuses: rules make no objects.
func (v *vocabulary) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := v.fields[name]; ok {
		return types.NewErr("%s cannot be made by a rule", name)
	}
	return v.Provider.NewValue(name, fields)
}

// scene is what the conditions of one moment see. It is CEL's activation.
type scene struct {
	event   object
	process object
	parent  object
	moment  behavior.Moment
	// earlier are the events of the steps before this one.
	earlier []*tape.Event
	lineage ref.Val
	image   object // the facts of the image; it stays as it is
	// count counts the moments, notes are what was worked out in one.
	count uint64
	notes []note
	// slots are the elements at which the loops of a term are.
	slots [maxDepth]slot
}

var noParent = &behavior.Process{}

func (s *scene) set(m behavior.Moment) {
	s.count++
	s.moment = m
	s.event = object{eventType, m.Event}
	s.process = object{processType, m.Process}
	s.parent = object{processType, noParent}
	if up := m.Process.Ancestors(); len(up) > 0 {
		s.parent.native = up[0]
	}
	s.earlier, s.lineage = nil, nil
}

// ResolveName returns a variable.
func (s *scene) ResolveName(name string) (any, bool) {
	switch name {
	case "event":
		return &s.event, true
	case "process":
		return &s.process, true
	case "parent":
		return &s.parent, true
	case "ancestors":
		if s.lineage == nil {
			s.lineage = objects(processType, s.moment.Process.Ancestors())
		}
		return s.lineage, true
	case "image":
		return &s.image, true
	case "earlier":
		return objects(eventType, s.earlier), true
	}
	return nil, false
}

// Parent returns nil: there is no outer scene.
func (s *scene) Parent() cel.Activation { return nil }

// objects makes a CEL list of native values.
func objects[T any](kind *cel.Type, natives []*T) ref.Val {
	values := make([]ref.Val, len(natives))
	for i, n := range natives {
		values[i] = &object{kind, n}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values)
}
