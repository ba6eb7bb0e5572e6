package service

import "strings"

const maxCached = 1 << 30 // bytes of one item

// memcached is an empty cache (its text protocol).
func memcached(s *Session) error {
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var reply string
		switch verb := words[0]; verb {
		case "set", "add", "replace", "append", "prepend":
			if reply, err = memcachedStore(s, verb, words[1:]); err != nil {
				return err
			}
		case "quit":
			return nil
		default:
			s.say(verb, "arguments", strings.Join(words[1:min(len(words), 16)], " "))
			reply = memcachedAnswer(verb)
		}
		if err := s.write(reply); err != nil {
			return err
		}
	}
}

func memcachedAnswer(verb string) string {
	switch verb {
	case "get", "gets":
		return "END\r\n"
	case "stats":
		return "STAT pid 612\r\nSTAT version 1.6.18\r\nSTAT curr_items 0\r\nEND\r\n"
	case "version":
		return "VERSION 1.6.18\r\n"
	case "flush_all", "verbosity":
		return "OK\r\n"
	case "delete", "incr", "decr", "touch":
		return "NOT_FOUND\r\n"
	}
	return "ERROR\r\n"
}

// memcachedStore takes KEY FLAGS EXPIRY BYTES and a line of so many bytes.
func memcachedStore(s *Session, verb string, words []string) (string, error) {
	if len(words) < 4 {
		return "ERROR\r\n", nil
	}
	size := decimal(words[3], maxCached)
	if size < 0 {
		return "CLIENT_ERROR bad data chunk\r\n", nil
	}
	value, err := s.take(size)
	if err != nil {
		return "", err
	}
	s.say(verb, "key", words[0], "value", string(value))
	if _, err := s.take(len("\r\n")); err != nil {
		return "", err
	}
	return "STORED\r\n", nil
}
