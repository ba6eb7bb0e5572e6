package static

import "github.com/detonaut/detonaut"

// Reading is what was read in an image without running it.
type Reading struct {
	// Findings are sorted by ID, one for each.
	Findings []detonaut.Finding
	// Stages are in the order in which they are told: one for each reader, and one for
	// each analyzer of files.
	Stages []detonaut.Stage
	// Inventory is nil if the packages could not be listed.
	Inventory *detonaut.Inventory
	// Vulnerabilities are those of its packages, Suppressed those that do not count;
	// both by severity, the worst first. Database is where they were looked up; nil if
	// nowhere.
	Vulnerabilities, Suppressed []detonaut.Vulnerability
	Database                    *detonaut.Database
	// Owners are the packages of Inventory that a file of the image belongs to, by
	// their positions. The path is absolute. Nil if nobody knows.
	Owners func(path string) []int
	// Open returns the file of the image at an absolute path, for as long as that is open;
	// nil if nobody can. Within is that of [Result].
	Open   func(path string) (File, bool)
	Within map[string][]string
	// Worth are files that are worth knowing again: something was found in them, or they
	// are programs that no package has. They can be opened as long as the image is.
	Worth []File
}
