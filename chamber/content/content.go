// Package content tells what kind of content a file has, by its first bytes.
//
// It imports the standard library only, allocates nothing, and takes any bytes:
// they are the subject's.
package content

import "strings"

// HeadSize is how many of the first bytes [Type] looks at; it takes fewer.
const HeadSize = 512

// Kinds of content: what [Type] returns. docs/tape.md says what they mean. The
// kinds of one family begin with its name: "elf", "script".
const (
	Empty = "empty"
	Text  = "text"
	Data  = "data"

	ELF        = "elf"
	ELFLibrary = "elf-library"
	ELFObject  = "elf-object"
	ELFBPF     = "elf-bpf"
	ELFCore    = "elf-core"

	PE     = "pe"
	DOS    = "dos"
	MachO  = "mach-o"
	Java   = "java-class"
	Wasm   = "wasm"
	Python = "python-bytecode"

	Script           = "script"
	ScriptShell      = "script-shell"
	ScriptPython     = "script-python"
	ScriptPerl       = "script-perl"
	ScriptRuby       = "script-ruby"
	ScriptPHP        = "script-php"
	ScriptJavaScript = "script-javascript"
	ScriptLua        = "script-lua"
	ScriptPowerShell = "script-powershell"

	Zip      = "zip"
	Jar      = "jar"
	Tar      = "tar"
	Gzip     = "gzip"
	Bzip2    = "bzip2"
	XZ       = "xz"
	Zstd     = "zstd"
	LZ4      = "lz4"
	SevenZip = "7z"
	RAR      = "rar"
	CPIO     = "cpio"
	Archive  = "ar"
	Deb      = "deb"
	RPM      = "rpm"
	Cabinet  = "cab"
	ARJ      = "arj"
	SZDD     = "szdd"
	SIS      = "sis"
	CHM      = "chm"

	PNG    = "png"
	JPEG   = "jpeg"
	GIF    = "gif"
	PDF    = "pdf"
	OLE    = "ole"
	RTF    = "rtf"
	SQLite = "sqlite"

	Mail   = "mail"
	TNEF   = "tnef"
	BinHex = "binhex"

	PrivateKey  = "private-key"
	PublicKey   = "public-key"
	Certificate = "certificate"
	JSON        = "json"
	HTML        = "html"
	XML         = "xml"
)

// magic is bytes at an offset that only one kind of content has.
type magic struct {
	at    int
	bytes string
	kind  string
}

// magics are looked at in order: what continues another comes before it.
// Sources: the formats' own specifications; those of pictures and archives are
// also in the table of magic(5).
var magics = [...]magic{
	{0, "\x00asm", Wasm},
	{0, "PK\x05\x06", Zip}, // an empty one
	{0, "PK\x07\x08", Zip}, // the first of several volumes
	{0, "\x1f\x8b\x08", Gzip},
	{4, "1AY&SY", Bzip2},       // after "BZh" and a digit: a block
	{4, "\x17rE8P\x90", Bzip2}, // or the end
	{0, "\xfd7zXZ\x00", XZ},
	{0, "\x28\xb5\x2f\xfd", Zstd},
	{0, "\x04\x22\x4d\x18", LZ4},
	{0, "\x02\x21\x4c\x18", LZ4}, // as kernels have it
	{0, "7z\xbc\xaf\x27\x1c", SevenZip},
	{0, "Rar!\x1a\x07", RAR},
	{0, "070701", CPIO}, // "newc"
	{0, "070702", CPIO}, // "newc" with checksums
	{0, "070707", CPIO}, // "odc"
	{0, "!<arch>\ndebian", Deb},
	{0, "!<arch>\n", Archive},
	{0, "!<thin>\n", Archive},
	{0, "\xed\xab\xee\xdb", RPM},
	{0, "MSCF\x00\x00\x00\x00", Cabinet},
	{0, "SZDD\x88\xf0\x27\x33A", SZDD},
	{8, "\x19\x04\x00\x10", SIS}, // the third number of a file of Symbian
	{0, "ITSF\x03\x00\x00\x00", CHM},
	{0, "\x78\x9f\x3e\x22", TNEF},
	{257, "ustar", Tar},
	{0, "\x89PNG\r\n\x1a\n", PNG},
	{0, "\xff\xd8\xff", JPEG},
	{0, "GIF87a", GIF},
	{0, "GIF89a", GIF},
	{0, "%PDF-", PDF},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE},
	{0, "{\\rtf", RTF},
	{0, "SQLite format 3\x00", SQLite},
	{0, "\xfe\xed\xfa\xce", MachO},
	{0, "\xfe\xed\xfa\xcf", MachO},
	{0, "\xce\xfa\xed\xfe", MachO},
	{0, "\xcf\xfa\xed\xfe", MachO},
}

// Type names the kind of content that begins with head, which is all of it if
// it has fewer bytes than HeadSize. It says what the content claims to be: the
// rest of it may break its word.
func Type(head []byte) string {
	head = head[:min(len(head), HeadSize)]
	if len(head) == 0 {
		return Empty
	}
	switch {
	case has(head, 0, "\x7fELF"):
		return elf(head)
	case has(head, 0, "#!"):
		return script(head)
	case has(head, 0, "MZ"):
		if kind := windows(head); kind != "" {
			return kind
		}
	case has(head, 0, "\xca\xfe\xba\xbe"):
		return javaOrFat(head)
	case has(head, 0, "PK\x03\x04"):
		return zip(head)
	case compiledPython(head):
		return Python
	case oldCPIO(head):
		return CPIO
	case arj(head):
		return ARJ
	}
	for i := range magics {
		if m := &magics[i]; has(head, m.at, m.bytes) {
			return m.kind
		}
	}
	if printable(head) {
		return text(head)
	}
	return Data
}

// Runs tells whether a system may run content of a kind: it is a program, a
// library or a script.
func Runs(kind string) bool {
	switch kind {
	case ELFCore:
		return false
	case PE, DOS, MachO, Java, Jar, Wasm, Python:
		return true
	}
	return kind == ELF || strings.HasPrefix(kind, ELF+"-") || kind == Script || strings.HasPrefix(kind, Script+"-")
}

// has tells whether b has the bytes of s at an offset.
func has(b []byte, at int, s string) bool {
	return len(b) >= at+len(s) && string(b[at:at+len(s)]) == s
}

// IsProgram tells whether what begins with head can be executed.
func IsProgram(head []byte) bool {
	switch Type(head) {
	case "elf", "script":
		return true
	default:
		return false
	}
}
