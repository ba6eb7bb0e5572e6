// Package version tells which build this is.
//
// detonaut and detonaut-chamber speak a private protocol, so each refuses the
// other when their versions differ.
package version

// version is set by the Makefile through the linker's -X flag. It must stay a
// plain string literal for that.
var version = "devel"

// String returns the version of this build, such as "0.1.0-3-gabc1234", or
// "devel" when it was built without the Makefile.
func String() string { return version }
