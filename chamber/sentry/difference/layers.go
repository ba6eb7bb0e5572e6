package difference

import (
	"fmt"
	"reflect"
	"unsafe"

	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
)

// layersOf returns the layers of the overlay that vd lies on: what was written,
// and the image. gVisor does not hand them out, so the field that holds them is
// read as it lies in memory; an error says that it does not lie there any more.
// The references stay the overlay's.
func layersOf(vd vfs.VirtualDentry) (upper, lower vfs.VirtualDentry, err error) {
	impl := reflect.ValueOf(vd.Mount().Filesystem().Impl())
	if impl.Kind() != reflect.Pointer || impl.Elem().Kind() != reflect.Struct {
		return upper, lower, fmt.Errorf("find the layers of the root: it is a %s", impl.Type())
	}
	field := impl.Elem().FieldByName("opts")
	if !field.IsValid() || field.Type() != reflect.TypeFor[overlay.FilesystemOptions]() {
		return upper, lower, fmt.Errorf("find the layers of the root: %s has no overlay's options", impl.Type())
	}
	options := (*overlay.FilesystemOptions)(unsafe.Pointer(field.UnsafeAddr()))
	if !options.UpperRoot.Ok() || len(options.LowerRoots) != 1 {
		return upper, lower, fmt.Errorf("find the layers of the root: %d below a writable one (%t)", len(options.LowerRoots), options.UpperRoot.Ok())
	}
	return options.UpperRoot, options.LowerRoots[0], nil
}
