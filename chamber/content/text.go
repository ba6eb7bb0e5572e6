package content

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// language is the kind of a script by the name of its interpreter,
// without its version.
func language(interpreter string) string {
	switch interpreter {
	case "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox":
		return ScriptShell
	case "python", "pypy":
		return ScriptPython
	case "perl":
		return ScriptPerl
	case "ruby":
		return ScriptRuby
	case "php":
		return ScriptPHP
	case "node", "nodejs", "deno", "bun":
		return ScriptJavaScript
	case "lua", "luajit":
		return ScriptLua
	case "pwsh", "powershell":
		return ScriptPowerShell
	}
	return Script
}

// script tells the language of a script by its first line.
func script(head []byte) string {
	line, _, _ := bytes.Cut(head[len("#!"):], []byte("\n"))
	word, rest := nextWord(line)
	name := base(word)
	if string(name) == "env" {
		for name = nil; len(name) == 0 && len(rest) > 0; {
			word, rest = nextWord(rest)
			if bytes.HasPrefix(word, []byte("-")) || bytes.IndexByte(word, '=') >= 0 {
				continue // an option, or a variable
			}
			name = base(word)
		}
	}
	if kind := language(string(name)); kind != Script {
		return kind
	}
	return language(string(bytes.TrimRight(name, "0123456789.-")))
}

// nextWord splits the first word off a line.
func nextWord(line []byte) (word, rest []byte) {
	line = bytes.TrimLeft(line, " \t\r")
	if i := bytes.IndexAny(line, " \t\r"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}

// base is the last element of a path.
func base(path []byte) []byte { return path[bytes.LastIndexByte(path, '/')+1:] }

// printable tells whether head is text in UTF-8: it has no control characters
// but those of layout and colour. Its last character may be cut.
func printable(head []byte) bool {
	for i := 0; i < len(head); {
		c := head[i]
		if c < utf8.RuneSelf {
			if c < ' ' && (c < '\b' || c > '\r') && c != '\x1b' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size <= 1 {
			return len(head) == HeadSize && !utf8.FullRune(head[i:])
		}
		i += size
	}
	return true
}

// text tells kinds of text apart, where that is certain.
func text(head []byte) string {
	head = bytes.TrimPrefix(head, []byte("\ufeff")) // a byte order mark
	head = bytes.TrimLeft(head, " \t\r\n")
	switch {
	case has(head, 0, "<?php"), has(head, 0, "<?="):
		return ScriptPHP
	case has(head, 0, "<?xml"):
		return XML
	case has(head, 0, "<"):
		return markup(head)
	case has(head, 0, "{"), has(head, 0, "["):
		return object(head)
	case has(head, 0, "-----BEGIN "):
		return armour(head)
	case sshKey(head):
		return PublicKey
	case bytes.Contains(head, []byte("(This file must be converted with BinHex")):
		return BinHex
	case mail(head), uuencoded(head):
		return Mail
	}
	return Text
}

// mail tells whether text begins as mail does, or a box of it: with a line of the box, or
// a header; and that it has two more that every mail has one of.
func mail(head []byte) bool {
	first, _, _ := bytes.Cut(head, []byte("\n"))
	name, _, ok := bytes.Cut(first, []byte(":"))
	if !has(first, 0, "From ") && (!ok || len(name) == 0 || bytes.IndexByte(name, ' ') >= 0) {
		return false
	}
	n := 0
	for _, header := range [...]string{"From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "MIME-Version: ", "Received: ", "Content-Transfer-Encoding: "} {
		if has(head, 0, header) || bytes.Contains(head, []byte("\n"+header)) {
			n++
		}
	}
	return n >= 3 || n == 2 && has(first, 0, "From ")
}

// uuencoded tells whether text begins as "begin 644 name".
func uuencoded(head []byte) bool {
	rest := head[min(len("begin "), len(head)):]
	return has(head, 0, "begin ") && len(rest) > 4 && len(bytes.Trim(rest[:3], "01234567")) == 0 && rest[3] == ' '
}

// markup tells HTML from text that just begins with "<".
func markup(head []byte) string {
	for _, tag := range [...]string{"<!doctype html", "<html", "<head", "<body", "<script"} {
		if len(head) >= len(tag) && strings.EqualFold(string(head[:len(tag)]), tag) {
			return HTML
		}
	}
	return Text
}

// object tells JSON from text that just begins with a bracket, as sections of
// configuration do.
func object(head []byte) string {
	next := bytes.TrimLeft(head[1:], " \t\r\n")
	follows := `"}`
	if head[0] == '[' {
		follows = `"]{` // "[[" begins a table of TOML
	}
	if len(next) > 0 && strings.IndexByte(follows, next[0]) >= 0 {
		return JSON
	}
	return Text
}

// armour tells what a text in PEM (RFC 7468), or of PGP, holds.
func armour(head []byte) string {
	label, _, _ := bytes.Cut(head[len("-----BEGIN "):], []byte("-----"))
	switch {
	case bytes.Contains(label, []byte("PRIVATE KEY")):
		return PrivateKey
	case bytes.Contains(label, []byte("PUBLIC KEY")):
		return PublicKey
	case bytes.HasSuffix(label, []byte("CERTIFICATE")):
		return Certificate
	}
	return Text
}

// sshKey tells whether a line of keys, as of authorized_keys without options,
// comes first. Every such key begins with the length of its name, which is
// small: "AAAA".
func sshKey(head []byte) bool {
	word, rest := nextWord(head)
	named := has(word, 0, "ssh-") || has(word, 0, "ecdsa-sha2-") || has(word, 0, "sk-ssh-") || has(word, 0, "sk-ecdsa-")
	return named && has(bytes.TrimLeft(rest, " \t"), 0, "AAAA")
}
