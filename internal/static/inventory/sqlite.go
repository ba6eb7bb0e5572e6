package inventory

// Databases of RPM and Nix are SQLite. The driver's name is taken once in a program,
// and the matcher of vulnerabilities brings this one: another panics when it starts.
import _ "github.com/glebarez/go-sqlite"
