package service

import (
	"strings"
)

// pop3 is a mailbox without mail (RFC 1939).
func pop3(s *Session) error {
	if err := s.write("+OK Dovecot ready.\r\n"); err != nil {
		return err
	}
	user := ""
	return s.dialogue(func(verb, rest string) (string, error) {
		switch verb {
		case "CAPA":
			capabilities := "+OK\r\nTOP\r\nUIDL\r\nUSER\r\nSASL PLAIN\r\n"
			if s.offersTLS() {
				capabilities += "STLS\r\n"
			}
			return capabilities + ".\r\n", nil
		case "STLS":
			if !s.offersTLS() {
				return "-ERR TLS is not available.\r\n", nil
			}
			return "", s.secure("+OK Begin TLS negotiation now.\r\n")
		case "USER":
			user = rest
		case "PASS":
			s.say("login", "user", user, "password", rest)
			return "+OK Logged in.\r\n", nil
		case "APOP":
			user, _, _ = strings.Cut(rest, " ")
			s.say("login", "user", user, "mechanism", "APOP")
			return "+OK Logged in.\r\n", nil
		case "AUTH":
			return pop3Auth(s, rest)
		case "STAT":
			return "+OK 0 0\r\n", nil
		case "LIST", "UIDL":
			if rest != "" {
				return "-ERR There's no message.\r\n", nil
			}
			return "+OK 0 messages:\r\n.\r\n", nil
		case "RETR", "TOP", "DELE":
			s.say(verb, "arguments", rest)
			return "-ERR There's no message.\r\n", nil
		case "QUIT":
			return "+OK Logging out.\r\n", errBye
		case "NOOP", "RSET":
		default:
			return "-ERR Unknown command.\r\n", nil
		}
		return "+OK\r\n", nil
	})
}

func pop3Auth(s *Session, rest string) (string, error) {
	mechanism, initial, _ := strings.Cut(rest, " ")
	if !strings.EqualFold(mechanism, "PLAIN") {
		return "-ERR Unsupported authentication mechanism.\r\n", nil
	}
	if initial == "" {
		if err := s.write("+ \r\n"); err != nil {
			return "", err
		}
		var err error
		if initial, err = s.line(); err != nil {
			return "", err
		}
	}
	user, password := plainLogin(initial)
	s.say("login", "mechanism", "PLAIN", "user", user, "password", password)
	return "+OK Logged in.\r\n", nil
}

var imapCommand = compiled(`^[A-Za-z0-9]{1,16} (?i:CAPABILITY|LOGIN|AUTHENTICATE|STARTTLS|NOOP|ID)\b`)

// matchIMAP recognises a client that does not wait to be greeted.
func matchIMAP(head []byte) Recognition {
	if imapCommand().Match(head) {
		return Yes
	}
	return No
}

const imapCapabilities = "IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN"

// imap is a mailbox without mail (RFC 3501).
func imap(s *Session) error {
	if err := s.printf("* OK [CAPABILITY %s] Dovecot ready.\r\n", imapOffer(s)); err != nil {
		return err
	}
	for {
		tag, verb, args, err := imapRead(s)
		if err != nil {
			return err
		}
		if verb == "STARTTLS" && s.offersTLS() {
			if err := s.secure(tag + " OK Begin TLS negotiation now.\r\n"); err != nil {
				return err
			}
			continue
		}
		untagged, status, err := imapAnswer(s, verb, args)
		if werr := s.printf("%s%s %s\r\n", untagged, tag, status); werr != nil {
			return werr
		}
		if err != nil {
			return err
		}
	}
}

func imapOffer(s *Session) string {
	if s.offersTLS() {
		return imapCapabilities + " STARTTLS"
	}
	return imapCapabilities
}

// imapAnswer returns what a command is answered: lines of data, and the status
// that ends it.
func imapAnswer(s *Session, verb string, args []string) (untagged, status string, err error) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch verb {
	case "CAPABILITY":
		untagged = "* CAPABILITY " + imapOffer(s) + "\r\n"
	case "LOGIN":
		s.say("login", "user", arg(0), "password", arg(1))
	case "AUTHENTICATE":
		initial := arg(1)
		if initial == "" {
			if err := s.write("+ \r\n"); err != nil {
				return "", "", err
			}
			if initial, err = s.line(); err != nil {
				return "", "", err
			}
		}
		user, password := plainLogin(initial)
		s.say("login", "mechanism", strings.ToUpper(arg(0)), "user", user, "password", password)
	case "SELECT", "EXAMINE":
		s.say(verb, "mailbox", arg(0))
		untagged = "* FLAGS (\\Seen \\Deleted)\r\n* 0 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] UIDs valid\r\n"
	case "LIST", "LSUB":
		untagged = "* " + verb + " (\\HasNoChildren) \"/\" INBOX\r\n"
	case "SEARCH":
		untagged = "* SEARCH\r\n"
	case "ID":
		untagged = "* ID NIL\r\n"
	case "STATUS":
		untagged = "* STATUS INBOX (MESSAGES 0 UNSEEN 0)\r\n"
	case "LOGOUT":
		return "* BYE Logging out\r\n", "OK Logout completed.", errBye
	case "APPEND":
		s.say("APPEND", "mailbox", arg(0), "text", arg(len(args)-1))
	case "FETCH", "UID", "STORE", "COPY", "NOOP", "CHECK", "CLOSE", "EXPUNGE", "CREATE", "SUBSCRIBE":
	default:
		return "", "BAD Error in IMAP command: Unknown command.", nil
	}
	return untagged, "OK " + verb + " completed.", nil
}

var imapLiteral = compiled(`\{(\d{1,9})(\+?)\}$`)

const (
	maxLiterals = 8         // of one command
	maxLiteral  = 100 << 20 // bytes of one
)

// imapRead reads one command: atoms, quoted strings and literals.
func imapRead(s *Session) (tag, verb string, args []string, err error) {
	for range maxLiterals {
		line, err := s.line()
		if err != nil {
			return "", "", nil, err
		}
		literal := imapLiteral().FindStringSubmatchIndex(line)
		if literal == nil {
			return imapSplit(append(args, imapWords(line)...))
		}
		args = append(args, imapWords(line[:literal[0]])...)
		if literal[4] == literal[5] { // it waits to be told
			if err := s.write("+ OK\r\n"); err != nil {
				return "", "", nil, err
			}
		}
		text, err := s.take(decimal(line[literal[2]:literal[3]], maxLiteral))
		if err != nil {
			return "", "", nil, err
		}
		args = append(args, string(text))
	}
	return "", "", nil, errMalformed
}

func imapSplit(words []string) (tag, verb string, args []string, err error) {
	switch len(words) {
	case 0:
		return "*", "", nil, nil
	case 1:
		return bounded(words[0], maxVerb, new(bool)), "", nil, nil
	}
	return bounded(words[0], maxVerb, new(bool)), strings.ToUpper(words[1]), words[2:], nil
}

var imapWord = compiled(`"((?:[^"\\]|\\.)*)"|[^\s"]+`)

func imapWords(line string) (words []string) {
	for _, m := range imapWord().FindAllStringSubmatch(line, 16) {
		if strings.HasPrefix(m[0], `"`) {
			m[0] = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(m[1])
		}
		words = append(words, m[0])
	}
	return words
}
