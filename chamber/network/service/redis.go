package service

import (
	"fmt"
	"strings"
)

// Bounds of one command: RESP allows 512 MB an argument.
const (
	maxRedisArgs = 1024
	maxRedisBulk = 512 << 20
	keptRedis    = 16 // arguments that are kept
)

// matchRedis recognises an array of bulk strings, or an inline command.
func matchRedis(head []byte) Recognition {
	text := string(head)
	if !strings.HasPrefix(text, "*") {
		return matchPrefix("PING\r\n", "INFO\r\n", "INFO ", "AUTH ", "CONFIG SET ", "CONFIG GET ", "SLAVEOF ", "REPLICAOF ", "KEYS ", "FLUSHALL")(head)
	}
	count, rest, found := strings.Cut(text[1:], "\r\n")
	switch {
	case strings.Trim(strings.TrimSuffix(count, "\r"), "0123456789") != "" || len(count) > 5:
		return No
	case !found || rest == "":
		return More
	case count != "" && rest[0] == '$':
		return Yes
	}
	return No
}

// redis is an open database that remembers nothing (RESP version 2).
func redis(s *Session) error {
	for {
		args, err := redisRead(s)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			continue
		}
		verb := strings.ToUpper(args[0])
		redisSay(s, verb, args[1:])
		if err := s.write(redisAnswer(verb, args[1:])); err != nil {
			return err
		}
		if verb == "QUIT" {
			return nil
		}
	}
}

// redisRead reads one command and keeps its first arguments.
func redisRead(s *Session) (args []string, err error) {
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	number, array := strings.CutPrefix(line, "*")
	if !array {
		words := strings.Fields(line)
		return words[:min(len(words), keptRedis)], nil
	}
	count := decimal(number, maxRedisArgs)
	if count < 0 {
		return nil, errMalformed
	}
	for i := range count {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		number, bulk := strings.CutPrefix(line, "$")
		size := decimal(number, maxRedisBulk)
		if !bulk || size < 0 {
			return nil, errMalformed
		}
		text, err := s.take(size)
		if err != nil {
			return nil, err
		}
		if _, err := s.take(len("\r\n")); err != nil {
			return nil, err
		}
		if i < keptRedis {
			args = append(args, string(text))
		} else {
			s.cut = true
		}
	}
	return args, nil
}

func redisSay(s *Session, verb string, args []string) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch {
	case verb == "AUTH" && len(args) > 1:
		s.say(verb, "user", arg(0), "password", arg(1))
	case verb == "AUTH":
		s.say(verb, "password", arg(0))
	case verb == "SET" || verb == "SETEX" || verb == "SETNX":
		s.say(verb, "key", arg(0), "value", arg(len(args)-1))
	case verb == "CONFIG":
		s.say(verb, "command", strings.ToUpper(arg(0)), "key", arg(1), "value", arg(2))
	case verb == "SLAVEOF" || verb == "REPLICAOF":
		s.say(verb, "target", arg(0)+":"+arg(1))
	default:
		s.say(verb, "arguments", strings.Join(args, " "))
	}
}

const redisInfo = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nos:Linux 6.1.0-18-amd64 x86_64\r\narch_bits:64\r\ntcp_port:6379\r\n" +
	"# Clients\r\nconnected_clients:1\r\n# Memory\r\nused_memory_human:1.02M\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n"

func redisAnswer(verb string, args []string) string {
	switch verb {
	case "PING":
		return "+PONG\r\n"
	case "INFO":
		return redisBulk(redisInfo)
	case "ECHO":
		return redisBulk(strings.Join(args, " "))
	case "CONFIG":
		return redisConfig(args)
	case "HELLO":
		return "-NOPROTO unsupported protocol version\r\n"
	case "GET", "GETDEL", "HGET", "LPOP", "RPOP", "EVAL", "RANDOMKEY":
		return "$-1\r\n"
	case "KEYS", "COMMAND", "SMEMBERS", "LRANGE", "HGETALL", "MGET":
		return "*0\r\n"
	case "SCAN":
		return "*2\r\n$1\r\n0\r\n*0\r\n"
	case "DEL", "EXISTS", "DBSIZE", "TTL", "PUBLISH":
		return ":0\r\n"
	case "INCR", "LPUSH", "RPUSH", "SADD", "HSET", "EXPIRE", "SETNX":
		return ":1\r\n"
	case "BGSAVE":
		return "+Background saving started\r\n"
	case "AUTH", "SELECT", "SET", "SETEX", "MSET", "SAVE", "SLAVEOF", "REPLICAOF", "MODULE", "FLUSHALL", "FLUSHDB", "CLIENT", "SCRIPT", "QUIT", "MULTI":
		return "+OK\r\n"
	case "SUBSCRIBE", "PSUBSCRIBE":
		if len(args) > 0 {
			return "*3\r\n" + redisBulk(strings.ToLower(verb)) + redisBulk(args[0]) + ":1\r\n"
		}
	}
	return fmt.Sprintf("-ERR unknown command '%s'\r\n", strings.Map(redisPlain, bounded(verb, maxVerb, new(bool))))
}

// redisPlain keeps an error on its line.
func redisPlain(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}

func redisConfig(args []string) string {
	if len(args) < 2 || !strings.EqualFold(args[0], "GET") {
		return "+OK\r\n"
	}
	value := ""
	switch args[1] {
	case "dir":
		value = "/var/lib/redis"
	case "dbfilename":
		value = "dump.rdb"
	case "save":
		value = "3600 1 300 100 60 10000"
	case "appendonly", "protected-mode":
		value = "no"
	default:
		return "*0\r\n"
	}
	return "*2\r\n" + redisBulk(args[1]) + redisBulk(value)
}

func redisBulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }
