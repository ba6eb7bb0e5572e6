package service

import "strings"

// ircTalk is one client of the chat.
type ircTalk struct {
	*Session
	nick           string
	named, greeted bool // USER was said; the welcome was sent
}

// irc is a chat server (RFC 2812) with nobody else on it.
func irc(s *Session) error {
	t := &ircTalk{Session: s}
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		reply, err := t.answer(ircParse(line))
		if werr := s.write(reply); werr != nil {
			return werr
		}
		if err != nil {
			return err
		}
	}
}

// ircParse splits a line into its command and parameters, at most 15 of them.
func ircParse(line string) (verb string, params []string) {
	if strings.HasPrefix(line, ":") {
		_, line, _ = strings.Cut(line, " ")
	}
	line, last, trailing := strings.Cut(line, " :")
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", nil
	}
	params = words[1:min(len(words), 15)]
	if trailing {
		params = append(params, last)
	} else if n := len(params); n > 0 {
		params[n-1] = strings.TrimPrefix(params[n-1], ":")
	}
	return strings.ToUpper(words[0]), params
}

func (t *ircTalk) answer(verb string, params []string) (string, error) {
	arg := func(i int) string {
		if i < len(params) {
			return params[i]
		}
		return ""
	}
	switch verb {
	case "", "PONG":
		return "", nil
	case "CAP":
		return t.capabilities(arg(0), arg(1)), nil
	case "PASS":
		t.say(verb, "password", arg(0))
	case "NICK":
		t.say(verb, "nick", arg(0))
		t.nick = bounded(arg(0), maxVerb, new(bool))
	case "USER":
		t.say(verb, "user", arg(0), "realname", arg(3))
		t.named = true
	case "PING":
		return t.message("PONG", t.name(), ":"+arg(0)), nil
	case "JOIN":
		t.say(verb, "channel", arg(0), "key", arg(1))
		return t.join(arg(0)), nil
	case "PRIVMSG", "NOTICE":
		t.say(verb, "target", arg(0), "text", arg(len(params)-1))
		return "", nil
	case "MODE":
		if strings.HasPrefix(arg(0), "#") {
			return t.numeric("324", arg(0)+" +nt"), nil
		}
		return "", nil
	case "WHO":
		return t.numeric("315", arg(0)+" :End of /WHO list."), nil
	case "QUIT":
		t.say(verb, "text", arg(0))
		return "ERROR :Closing link\r\n", errBye
	default:
		t.say(verb, "arguments", strings.Join(params, " "))
		if !t.greeted {
			return "", nil
		}
		return t.numeric("421", bounded(verb, maxVerb, new(bool))+" :Unknown command"), nil
	}
	return t.welcome(), nil
}

// welcome greets a client once it has said who it is.
func (t *ircTalk) welcome() string {
	if t.greeted || !t.named || t.nick == "" {
		return ""
	}
	t.greeted = true
	return t.numeric("001", ":Welcome to the network "+t.nick) +
		t.numeric("002", ":Your host is "+t.name()+", running version UnrealIRCd-6.1.4") +
		t.numeric("003", ":This server was created Mon Jan 8 2024") +
		t.numeric("004", t.name()+" UnrealIRCd-6.1.4 diknopqrstwxzBDGHIRSTWZ beIacdfhiklmnopqrstvzBCDGHKLMNOPQRSTVZ") +
		t.numeric("005", "CHANTYPES=# PREFIX=(qaohv)~&@%+ NETWORK=net :are supported by this server") +
		t.numeric("422", ":MOTD File is missing")
}

// join has the client join channels, the first few of a list.
func (t *ircTalk) join(channels string) string {
	var out strings.Builder
	for i, channel := range strings.Split(channels, ",") {
		if i == 10 {
			break
		}
		out.WriteString(":" + t.nick + "!user@host JOIN " + channel + "\r\n")
		out.WriteString(t.numeric("353", "= "+channel+" :"+t.nick+" @root"))
		out.WriteString(t.numeric("366", channel+" :End of /NAMES list."))
	}
	return out.String()
}

// capabilities offers none (IRCv3, capability negotiation).
func (t *ircTalk) capabilities(verb, wanted string) string {
	switch strings.ToUpper(verb) {
	case "LS", "LIST":
		return t.message("CAP", "*", verb+" :")
	case "REQ":
		return t.message("CAP", "*", "NAK :"+wanted)
	}
	return ""
}

func (t *ircTalk) numeric(code, text string) string {
	nick := t.nick
	if nick == "" {
		nick = "*"
	}
	return t.message(code, nick, text)
}

// message writes one line from the server to a target.
func (t *ircTalk) message(verb, target, text string) string {
	return ":" + t.name() + " " + verb + " " + target + " " + text + "\r\n"
}
