package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// minerMethods are the requests by which miners begin: of Bitcoin's stratum, of
// CryptoNote's (XMRig), of Ethereum's proxies.
var minerMethods = []string{
	"mining.subscribe", "mining.authorize", "mining.configure", "mining.extranonce.subscribe", "mining.hello",
	"login", "keepalived", "getjob",
	"eth_submitLogin", "eth_login", "eth_getWork", "eth_submitHashrate",
}

// matchStratum recognises one line of JSON that calls a miner's method.
func matchStratum(head []byte) Recognition {
	line, _, whole := bytes.Cut(bytes.TrimLeft(head, " \r\n"), []byte("\n"))
	switch {
	case len(line) > 0 && line[0] != '{' || len(line) > maxLine:
		return No
	case whole || bytes.HasSuffix(line, []byte("}")):
		var call minerCall
		if json.Unmarshal(line, &call) == nil && slices.Contains(minerMethods, call.Method) {
			return Yes
		}
		if whole {
			return No
		}
	}
	return More
}

// A minerCall is one request of JSON-RPC.
type minerCall struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Worker string          `json:"worker"` // of eth_submitLogin
}

// list returns the parameters that are strings, by their place.
func (c *minerCall) list() []string {
	var raw []any
	if json.Unmarshal(c.Params, &raw) != nil {
		return nil
	}
	out := make([]string, 0, 8)
	for _, v := range raw[:min(len(raw), 8)] {
		text, _ := v.(string)
		out = append(out, text)
	}
	return out
}

// arg returns one of them, "" if there is none.
func (c *minerCall) arg(i int) string {
	if list := c.list(); i < len(list) {
		return list[i]
	}
	return ""
}

// stratum is a mining pool. It hands out jobs with the difficulty of a real
// pool and takes every share.
func stratum(s *Session) error {
	nicehash := false
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		var call minerCall
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			return errMalformed
		}
		if len(call.ID) == 0 {
			call.ID = json.RawMessage("null")
		}
		var reply string
		switch {
		case strings.HasPrefix(call.Method, "mining."):
			nicehash = nicehash || strings.HasPrefix(call.arg(1), "EthereumStratum/")
			reply = bitcoinPool(s, &call, nicehash)
		case strings.HasPrefix(call.Method, "eth_"):
			reply = ethereumPool(s, &call)
		default:
			reply = cryptonotePool(s, &call)
		}
		if err := s.write(reply); err != nil {
			return err
		}
	}
}

// A worker logs in as WALLET.WORKER, or WALLET/WORKER.
func walletOf(user string) (wallet, worker string) {
	if i := strings.IndexAny(user, "./"); i >= 0 {
		return user[:i], user[i+1:]
	}
	return user, ""
}

// result answers a call.
func (c *minerCall) result(result string) string {
	return fmt.Sprintf(`{"id":%s,"jsonrpc":"2.0","error":null,"result":%s}`+"\n", c.ID, result)
}

// cryptonotePool speaks as XMRig's pools do (xmrig-proxy, doc/STRATUM.md).
func cryptonotePool(s *Session, call *minerCall) string {
	var p struct {
		Login, Pass, Agent, RigID string
		Algo                      []string
		JobID                     string `json:"job_id"`
		Nonce                     string
		Result                    string
	}
	_ = json.Unmarshal(call.Params, &p) // what is not there is empty
	switch call.Method {
	case "login":
		wallet, worker := walletOf(p.Login)
		if worker == "" {
			worker = p.RigID
		}
		s.say(call.Method, "user", p.Login, "wallet", wallet, "worker", worker, "password", p.Pass, "agent", p.Agent, "algo", strings.Join(p.Algo, ","))
		algo := "rx/0"
		if len(p.Algo) > 0 && !slices.Contains(p.Algo, algo) {
			algo = p.Algo[0]
		}
		return call.result(fmt.Sprintf(`{"id":"c8a7f0d1","job":%s,"extensions":["algo","keepalive","nicehash"],"status":"OK"}`, cryptonoteJob(algo)))
	case "submit":
		s.say(call.Method, "job", p.JobID, "nonce", p.Nonce, "result", p.Result)
		return call.result(`{"status":"OK"}`)
	case "keepalived":
		s.say(call.Method)
		return call.result(`{"status":"KEEPALIVED"}`)
	case "getjob":
		s.say(call.Method)
		return call.result(cryptonoteJob("rx/0"))
	}
	s.say(call.Method, "arguments", string(call.Params))
	return fmt.Sprintf(`{"id":%s,"jsonrpc":"2.0","error":{"code":-1,"message":"Invalid method"}}`+"\n", call.ID)
}

// cryptonoteJob is a block of Monero to be hashed, at difficulty 10000: the
// target is 2^32/10000, little-endian.
func cryptonoteJob(algo string) string {
	name, err := json.Marshal(bounded(algo, maxVerb, new(bool)))
	if err != nil {
		name = []byte(`"rx/0"`)
	}
	const blob = "1010d3e0b6b206" + "5b2f6f0ac08cf4aa9a4e4e5ae7c9d8a1a5e0f3aef0b8b7a7e4d6c4d9d6ae4b1c" + "00000000" +
		"7e1f8a3f50d6dd4b2c1c0f5a7f6be3a1b8c4fd5d9a8de3c17ac2cf0b1a7e9d52" + "1d"
	const seed = "3aa1f9c1b7d5e0f4a6c8e2b1d3f5071926384a5b6c7d8e9f0a1b2c3d4e5f6071"
	return fmt.Sprintf(`{"blob":"%s","job_id":"Hq8v1Lf0aN","target":"b88d0600","algo":%s,"height":3204481,"seed_hash":"%s"}`, blob, name, seed)
}

// bitcoinPool speaks stratum version 1, or NiceHash's EthereumStratum/1.0.0.
func bitcoinPool(s *Session, call *minerCall, nicehash bool) string {
	switch call.Method {
	case "mining.subscribe":
		s.say(call.Method, "agent", call.arg(0))
		if nicehash {
			return call.result(`[["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f","EthereumStratum/1.0.0"],"080c"]`)
		}
		return call.result(`[[["mining.set_difficulty","b4b6693b72a50c71"],["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f"]],"08000002",4]`)
	case "mining.authorize":
		wallet, worker := walletOf(call.arg(0))
		s.say(call.Method, "user", call.arg(0), "wallet", wallet, "worker", worker, "password", call.arg(1))
		difficulty, job := "65536", bitcoinJob
		if nicehash {
			difficulty, job = "4", ethereumJob
		}
		return call.result("true") +
			`{"id":null,"method":"mining.set_difficulty","params":[` + difficulty + `]}` + "\n" +
			`{"id":null,"method":"mining.notify","params":` + job + "}\n"
	case "mining.submit":
		s.say(call.Method, "user", call.arg(0), "job", call.arg(1), "nonce", call.arg(4))
	case "mining.configure":
		s.say(call.Method)
		return call.result(`{"version-rolling":false,"minimum-difficulty":false}`)
	default:
		s.say(call.Method, "arguments", strings.Join(call.list(), " "))
	}
	return call.result("true")
}

// bitcoinJob is a job, the block before it, the coinbase in two parts, the
// branch of its tree, version, bits, time, and that older jobs are void.
const bitcoinJob = `["6b1f","7dcf1304b04e79024066cd9481aa464e2fe17966e19edf6f33970e1fe0b60277",` +
	`"01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff2003a1b20c04","` +
	`ffffffff01f2052a010000001976a9143c1c8e1a6e2f1f3b1d9f0d6a5b7c8e9f0a1b2c3d88ac00000000",` +
	`[],"20000000","17034219","65f1a2b3",true]`

// ethereumJob is a job, its seed, its header, and that older jobs are void.
const ethereumJob = `["bf0488aa","abad8f99f3918bf903c6a909d9bbc0fdfa5a2f4b9cb1196175ec825c6610126c",` +
	`"645cf20198c2f3861e947d4f67e3ab63b7b2e24dcc9095bd9123e7b33371f6cc",true]`

// ethereumPool speaks as eth-proxy does.
func ethereumPool(s *Session, call *minerCall) string {
	switch call.Method {
	case "eth_submitLogin", "eth_login":
		wallet, worker := walletOf(call.arg(0))
		if call.Worker != "" {
			worker = call.Worker
		}
		s.say(call.Method, "user", call.arg(0), "wallet", wallet, "worker", worker, "password", call.arg(1))
	case "eth_getWork":
		s.say(call.Method)
		return call.result(`["0x645cf20198c2f3861e947d4f67e3ab63b7b2e24dcc9095bd9123e7b33371f6cc",` +
			`"0xabad8f99f3918bf903c6a909d9bbc0fdfa5a2f4b9cb1196175ec825c6610126c",` +
			`"0x0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"]`)
	case "eth_submitWork":
		s.say(call.Method, "nonce", call.arg(0), "result", call.arg(2))
	default:
		s.say(call.Method, "arguments", strings.Join(call.list(), " "))
	}
	return call.result("true")
}

// matchStratum2 recognises what can be of stratum version 2. Its first message
// is a key of 64 bytes that look random (the Noise NX handshake over secp256k1
// with ElligatorSwift: stratumprotocol.org, 04-Protocol-Security), so only their
// number and the port tell it from anything else that is encrypted.
func matchStratum2(head []byte) Recognition {
	const key = 64
	switch {
	case len(head) < key && !plain(head):
		return More
	case len(head) == key && distinct(head) >= 44: // of 64 random bytes 57 differ
		return Yes
	}
	return No
}

// plain tells whether all of head is printable ASCII.
func plain(head []byte) bool {
	return bytes.IndexFunc(head, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\n' && r != '\r' && r != '\t' }) < 0
}

func distinct(b []byte) (n int) {
	var seen [256]bool
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// stratum2 cannot answer: the handshake needs a key that the miner knows. It
// stays open and silent.
func stratum2(s *Session) error {
	s.say("handshake")
	return discard(s)
}
