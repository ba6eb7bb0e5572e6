// Package inert makes files of many kinds that are well formed and do nothing:
// what a subject that fetches its next stage is given.
//
// The same call gives the same bytes. They are made when asked for; nothing is
// held.
package inert

import (
	"path"
	"strings"
)

// A File is a file to hand out.
type File struct {
	// Kind is the media type.
	Kind string
	Body []byte
}

// Named makes a file of the kind that the extension of a name says; false if
// it says none. Machine is as in ELF.
func Named(name, machine string) (File, bool) {
	name = strings.ToLower(path.Base(name))
	for _, k := range kinds {
		for _, ext := range k.extensions {
			if strings.HasSuffix(name, ext) {
				return File{k.kind, k.make(strings.TrimSuffix(name, ext), machine)}, true
			}
		}
	}
	return File{}, false
}

// A kind of file; make is given the name without its extension.
type kind struct {
	extensions []string
	kind       string
	make       func(stem, machine string) []byte
}

// kinds are tried in this order.
var kinds = []kind{
	{[]string{".html", ".htm", ".xhtml"}, "text/html", text("<!DOCTYPE html>\n<html><head><title></title></head><body></body></html>\n")},
	{[]string{".css"}, "text/css", text("body { margin: 0 }\n")},
	{[]string{".js", ".mjs", ".cjs"}, "application/javascript", text("\"use strict\";\n")},
	{[]string{".json"}, "application/json", text("{\"status\":\"ok\"}\n")},
	{[]string{".xml"}, "application/xml", text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root/>\n")},
	{[]string{".yaml", ".yml"}, "text/yaml", text("---\nversion: 1\n")},
	{[]string{".toml", ".ini", ".conf", ".cfg"}, "text/plain", text("")},
	{[]string{".csv"}, "text/csv", text("id,name\n")},
	{[]string{".sh", ".bash"}, "application/x-sh", text(Shell)},
	{[]string{".py"}, "text/x-python", text("#!/usr/bin/env python3\n\n\ndef main():\n    return 0\n\n\nif __name__ == \"__main__\":\n    main()\n")},
	{[]string{".pl", ".pm"}, "text/x-perl", text("#!/usr/bin/perl\nuse strict;\nuse warnings;\n\n1;\n")},
	{[]string{".rb"}, "application/x-ruby", text("# frozen_string_literal: true\n")},
	{[]string{".lua"}, "text/x-lua", text("return {}\n")},
	{[]string{".ps1", ".psm1"}, "text/plain", text("$ErrorActionPreference = \"Stop\"\r\n")},
	{[]string{".bat", ".cmd"}, "text/plain", text("@echo off\r\n")},
	{[]string{".vbs"}, "text/vbscript", text("Option Explicit\r\n")},
	{[]string{".go"}, "text/x-go", text("package main\n\nfunc main() {}\n")},
	{[]string{".c", ".h"}, "text/x-c", text("int main(void)\n{\n\treturn 0;\n}\n")},
	{[]string{".md"}, "text/markdown", text("# README\n")},
	{[]string{".txt", ".log", ".text"}, "text/plain", text(Shell)}, // as often as not it goes to a shell
	{[]string{".tar.gz", ".tgz"}, "application/gzip", func(stem, _ string) []byte { return Tarball(software(stem)...) }},
	{[]string{".tar"}, "application/x-tar", func(stem, _ string) []byte { return Tar(software(stem)...) }},
	{[]string{".zip"}, "application/zip", func(stem, _ string) []byte { return Zip(software(stem)...) }},
	{[]string{".jar", ".war"}, "application/java-archive", func(string, string) []byte { return JAR() }},
	{[]string{".gz"}, "application/gzip", func(string, string) []byte { return Gzip([]byte(Shell)) }},
	{[]string{".deb"}, "application/vnd.debian.binary-package", func(stem, _ string) []byte { return Deb(stem) }},
	{[]string{".so", ".ko"}, "application/octet-stream", func(_, machine string) []byte { return Library(machine) }},
	{[]string{".exe", ".dll", ".scr", ".msi"}, "application/x-msdownload", func(string, string) []byte { return PE() }},
	{[]string{".png"}, "image/png", func(string, string) []byte { return image(pngPixel) }},
	{[]string{".gif"}, "image/gif", func(string, string) []byte { return image(gifPixel) }},
	{[]string{".jpg", ".jpeg"}, "image/jpeg", func(string, string) []byte { return image(jpegPixel) }},
	{[]string{".ico"}, "image/x-icon", func(string, string) []byte { return icon() }},
	{[]string{".svg"}, "image/svg+xml", text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>\n")},
	{[]string{".elf", ".bin", ".run", ".out", ".x86", ".x86_64", ".amd64", ".x64", ".i686", ".i586", ".arm64", ".aarch64", ".arm", ".arm5", ".arm6", ".arm7", ".mips", ".mpsl", ".ppc", ".sh4", ".m68k", ".spc"}, "application/octet-stream", func(_, machine string) []byte { return ELF(machine) }},
}

// Shell is a shell script that does nothing: run, piped to a shell, or read into
// one, which must go on afterwards.
const Shell = "#!/bin/sh\nset -u\ntrue\n"

func text(s string) func(string, string) []byte {
	return func(string, string) []byte { return []byte(s) }
}
