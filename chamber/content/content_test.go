package content_test

import (
	"bytes"
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/content"
)

// header is an ELF header, with as many program headers of the given kinds.
func header(class byte, order binary.AppendByteOrder, kind, machine uint16, segments ...uint32) string {
	at, size := 64, 56
	if class == 1 {
		at, size = 52, 32
	}
	b := make([]byte, at+size*len(segments))
	copy(b, "\x7fELF")
	b[4], b[5] = class, 1
	if order == binary.BigEndian {
		b[5] = 2
	}
	put16 := func(i int, v uint16) { copy(b[i:], order.AppendUint16(nil, v)) }
	put32 := func(i int, v uint32) { copy(b[i:], order.AppendUint32(nil, v)) }
	put16(16, kind)
	put16(18, machine)
	if class == 1 {
		put32(28, uint32(at))
		put16(44, uint16(len(segments)))
	} else {
		copy(b[32:], order.AppendUint64(nil, uint64(at)))
		put16(56, uint16(len(segments)))
	}
	for i, s := range segments {
		put32(at+i*size, s)
	}
	return string(b)
}

// at returns n bytes of filling, then s.
func at(n int, s string) string { return strings.Repeat("\x01", n) + s }

// samples are heads of every kind, by what they show.
var samples = []struct{ show, head, want string }{
	{"nothing", "", content.Empty},
	{"text", "hello,\tworld\r\n\x1b[31mred\x1b[m naïve\n", content.Text},
	{"text cut within a character", strings.Repeat("é", 255) + "x" + "é", content.Text},
	{"text that ends within a character", "caf\xc3", content.Data},
	{"a shell script that does not say so", "set -e\ncurl http://x | sh\n", content.Text},
	{"a section of configuration", "[Unit]\nDescription=x\n", content.Text},
	{"a table of TOML", "[[package]]\nname = \"x\"\n", content.Text},
	{"a block of shell", "{ echo; }", content.Text},
	{"less than", "<3", content.Text},
	{"a word that begins as a program of DOS", "MZ is who made it, " + strings.Repeat("and more ", 20), content.Text},
	{"two letters", "MZ", content.Text},
	{"a control character", "a\x00b", content.Data},
	{"DEL", "a\x7f", content.Data},
	{"Latin-1", "caf\xe9 au lait", content.Data},
	{"a mark alone", "\ufeff", content.Text},

	{"a program", header(2, binary.LittleEndian, 2, 62, 1, 1), content.ELF},
	{"one that can be loaded anywhere", header(2, binary.LittleEndian, 3, 62, 6, 3, 1), content.ELF},
	{"one of 32 bits, the other way round", header(1, binary.BigEndian, 3, 8, 6, 3), content.ELF},
	{"an unknown type", header(2, binary.LittleEndian, 0xfe00, 62), content.ELF},
	{"magic alone", "\x7fELF", content.ELF},
	{"a library", header(2, binary.LittleEndian, 3, 62, 1, 2), content.ELFLibrary},
	{"a library of 32 bits", header(1, binary.LittleEndian, 3, 3, 1, 2), content.ELFLibrary},
	{"a library whose headers are far", header(2, binary.LittleEndian, 3, 62)[:56] + "\xff\xff" + at(6, ""), content.ELFLibrary},
	{"an object", header(2, binary.LittleEndian, 1, 62), content.ELFObject},
	{"a program for BPF", header(2, binary.LittleEndian, 1, 247), content.ELFBPF},
	{"a core", header(2, binary.LittleEndian, 4, 62, 4), content.ELFCore},

	{"a program of Windows", "MZ" + at(58, "\x80\x00\x00\x00") + at(64, "PE\x00\x00"), content.PE},
	{"one whose header is far", "MZ" + at(58, "\x00\x10\x00\x00"), content.DOS},
	{"one whose header is nowhere", "MZ" + at(58, "\xff\xff\xff\xff"), content.DOS},
	{"macOS", "\xcf\xfa\xed\xfe\x07\x00\x00\x01", content.MachO},
	{"macOS on two processors", "\xca\xfe\xba\xbe\x00\x00\x00\x02", content.MachO},
	{"a class", "\xca\xfe\xba\xbe\x00\x00\x00\x34", content.Java},
	{"a class cut off", "\xca\xfe\xba\xbe\x00", content.Data},
	{"WebAssembly", "\x00asm\x01\x00\x00\x00", content.Wasm},
	{"Python 3.12", "\xcb\x0d\r\n\x00\x00\x00\x00", content.Python},
	{"Python 2.7", "\x03\xf3\r\n\x00\x00\x00\x00", content.Python},

	{"a script of nobody knows what", "#!/opt/x/interpret\n", content.Script},
	{"a script of nothing", "#!\n", content.Script},
	{"a script of env alone", "#!/usr/bin/env -i A=b\n", content.Script},
	{"shell", "#!/bin/sh -e\necho\n", content.ScriptShell},
	{"shell with a space", "#! /bin/bash\r\n", content.ScriptShell},
	{"shell of busybox", "#!/bin/busybox sh\n", content.ScriptShell},
	{"shell of env", "#!/usr/bin/env -S PATH=/ bash -e", content.ScriptShell},
	{"Python", "#!/usr/bin/python3.11\n", content.ScriptPython},
	{"Python of env", "#!/usr/bin/env python3\n", content.ScriptPython},
	{"Perl", "#!/usr/bin/perl5.36-x\n#!/bin/sh", content.Script},
	{"Perl with a version", "#!/usr/bin/perl5.36.0 -w", content.ScriptPerl},
	{"Ruby", "#!/usr/bin/env ruby\n", content.ScriptRuby},
	{"PHP", "#!/usr/bin/php8\n<?php", content.ScriptPHP},
	{"PHP in a page", "\n<?php system($_GET['x']);", content.ScriptPHP},
	{"PHP, short, marked", "\ufeff<?= 1 ?>", content.ScriptPHP},
	{"JavaScript", "#!/usr/bin/env node\n", content.ScriptJavaScript},
	{"Lua", "#!/usr/bin/lua5.4\n", content.ScriptLua},
	{"PowerShell", "#!/usr/bin/pwsh\n", content.ScriptPowerShell},

	{"zip", "PK\x03\x04" + at(26, "a.txt"), content.Zip},
	{"an empty zip", "PK\x05\x06\x00\x00", content.Zip},
	{"jar", "PK\x03\x04" + at(26, "META-INF/MANIFEST.MF"), content.Jar},
	{"tar", at(257, "ustar\x00"), content.Tar},
	{"gzip", "\x1f\x8b\x08\x00", content.Gzip},
	{"bzip2", "BZh91AY&SY", content.Bzip2},
	{"words of bzip2", "BZhello", content.Text},
	{"xz", "\xfd7zXZ\x00", content.XZ},
	{"zstd", "\x28\xb5\x2f\xfd", content.Zstd},
	{"lz4", "\x04\x22\x4d\x18", content.LZ4},
	{"7-Zip", "7z\xbc\xaf\x27\x1c", content.SevenZip},
	{"RAR", "Rar!\x1a\x07\x01\x00", content.RAR},
	{"cpio", "070701" + "0000000", content.CPIO},
	{"a static library", "!<arch>\n/               0", content.Archive},
	{"deb", "!<arch>\ndebian-binary   1", content.Deb},
	{"rpm", "\xed\xab\xee\xdb\x03", content.RPM},

	{"lz4 of old", "\x02\x21\x4c\x18", content.LZ4},
	{"cpio of old", "\xc7\x71" + at(18, "\x02\x00") + at(4, "x\x00"), content.CPIO},
	{"cpio of old, the other way round", "\x71\xc7" + at(18, "\x00\x02") + at(4, "x\x00"), content.CPIO},
	{"the number of cpio", "\xc7\x71" + at(18, "\x02\x00") + at(6, ""), content.Data},
	{"a cabinet", "MSCF\x00\x00\x00\x00", content.Cabinet},
	{"ARJ", "\x60\xea\x2c\x00\x22\x0b\x01\x02\x10\x00\x02\x14", content.ARJ},
	{"the number of ARJ", "\x60\xea\x2c\x00\x22\x0b\x01\x02\x10\x00\x03\x14", content.Data},
	{"SZDD", "SZDD\x88\xf0\x27\x33A\x00", content.SZDD},
	{"Symbian", "\x00\x00\x00\x01\x12\x3a\x00\x10\x19\x04\x00\x10", content.SIS},
	{"help of Windows", "ITSF\x03\x00\x00\x00", content.CHM},

	{"a mail", "From: a@example.com\nTo: b@example.com\nSubject: x\n\nhello\n", content.Mail},
	{"a box", "From a@example.com Thu Jul 31 13:51:21 2008\nFrom: a@example.com\nMIME-Version: 1.0\n", content.Mail},
	{"words on mail", "From: here\nto there\n", content.Text},
	{"a letter", "From here\nto there\n", content.Text},
	{"uuencoded", "begin 644 x.bin\nM35I0", content.Mail},
	{"words on a beginning", "begin at the beginning", content.Text},
	{"TNEF", "\x78\x9f\x3e\x22\x01\x00", content.TNEF},
	{"BinHex", "(This file must be converted with BinHex 4.0)\n:", content.BinHex},
	{"rich text", "{\\rtf1\\ansi", content.RTF},

	{"PNG", "\x89PNG\r\n\x1a\n", content.PNG},
	{"JPEG", "\xff\xd8\xff\xe0", content.JPEG},
	{"GIF", "GIF89a", content.GIF},
	{"PDF", "%PDF-1.7\n", content.PDF},
	{"OLE", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", content.OLE},
	{"SQLite", "SQLite format 3\x00", content.SQLite},

	{"a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", content.PrivateKey},
	{"a private key of PGP", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", content.PrivateKey},
	{"a public key", "-----BEGIN PUBLIC KEY-----\nMII", content.PublicKey},
	{"a key of SSH", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@here\n", content.PublicKey},
	{"words on SSH", "ssh-ed25519 is what to use\n", content.Text},
	{"a certificate", "-----BEGIN CERTIFICATE-----\nMII", content.Certificate},
	{"a message", "-----BEGIN PGP MESSAGE-----\n", content.Text},
	{"JSON", " {\n  \"a\": 1}", content.JSON},
	{"JSON, a list", "[{\"a\": 1}]", content.JSON},
	{"HTML", "<!DOCTYPE html>\n", content.HTML},
	{"HTML without a declaration", "<html lang=en>", content.HTML},
	{"XML", "<?xml version=\"1.0\"?>", content.XML},
}

func TestType(t *testing.T) {
	for _, s := range samples {
		if got := content.Type([]byte(s.head)); got != s.want {
			t.Errorf("%s: got %q, want %q", s.show, got, s.want)
		}
	}
}

// TestTypeLooksAtHead shows that a whole file may be given, too.
func TestTypeLooksAtHead(t *testing.T) {
	b := append(bytes.Repeat([]byte("x"), content.HeadSize), 0)
	if got := content.Type(b); got != content.Text {
		t.Errorf("got %q, want %q: no more than HeadSize bytes count", got, content.Text)
	}
	b[content.HeadSize-1] = 0
	if got := content.Type(b); got != content.Data {
		t.Errorf("got %q, want %q: HeadSize bytes count", got, content.Data)
	}
}

func TestTypeAllocatesNothing(t *testing.T) {
	heads := make([][]byte, len(samples))
	for i, s := range samples {
		heads[i] = []byte(s.head)
	}
	got := testing.AllocsPerRun(10, func() {
		for _, h := range heads {
			content.Type(h)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations for %d heads, want none", got, len(heads))
	}
}

func TestRuns(t *testing.T) {
	var got []string
	for _, kind := range kinds(t) {
		if content.Runs(kind) {
			got = append(got, kind)
		}
	}
	want := []string{
		"dos", "elf", "elf-bpf", "elf-library", "elf-object", "jar", "java-class", "mach-o", "pe", "python-bytecode",
		"script", "script-javascript", "script-lua", "script-perl", "script-php", "script-powershell", "script-python",
		"script-ruby", "script-shell", "wasm",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// kinds returns the values of the constants that are strings, sorted.
func kinds(t *testing.T) (all []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "content.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if values, ok := n.(*ast.ValueSpec); ok {
			for _, v := range values.Values {
				if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, s)
				}
			}
		}
		return true
	})
	slices.Sort(all)
	return all
}

// TestKinds holds the document, and the samples, to the kinds that there are.
func TestKinds(t *testing.T) {
	page, err := os.ReadFile("../../docs/tape.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Content\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented, sampled []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(documented)
	want := kinds(t)
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("docs/tape.md (-code +document):\n%s", diff)
	}
	for _, s := range samples {
		sampled = append(sampled, s.want)
	}
	slices.Sort(sampled)
	if diff := cmp.Diff(want, slices.Compact(sampled)); diff != "" {
		t.Errorf("samples (-code +samples):\n%s", diff)
	}
	if first := "told by its first " + strconv.Itoa(content.HeadSize) + " bytes"; !strings.Contains(section, first) {
		t.Errorf("the document does not say %q", first)
	}
}

func FuzzType(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.head))
	}
	known := map[string]bool{}
	for _, s := range samples {
		known[s.want] = true
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		before := bytes.Clone(head)
		kind := content.Type(head)
		if !known[kind] {
			t.Errorf("%q is no kind of content", kind)
		}
		if !bytes.Equal(before, head) {
			t.Error("it changed what it was given")
		}
		if len(head) > content.HeadSize && content.Type(head[:content.HeadSize]) != kind {
			t.Error("it depends on more than HeadSize bytes")
		}
	})
}

func BenchmarkType(b *testing.B) {
	head := bytes.Repeat([]byte("plain text, which is looked at to its end. "), 12)[:content.HeadSize]
	b.SetBytes(content.HeadSize)
	for b.Loop() {
		content.Type(head)
	}
}
