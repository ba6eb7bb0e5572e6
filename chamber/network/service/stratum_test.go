package service

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

func TestStratum(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\n") + "\n" }
	for _, tc := range []struct {
		name, input string
		said        []tape.Message
		answers     []string // what each line has in it
	}{
		{
			"XMRig",
			lines(`{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"44Wallet.rig1","pass":"x","agent":"XMRig/6.21.0 (Linux x86_64)","rigid":"","algo":["cn/1","rx/0"]}}`,
				`{"id":2,"jsonrpc":"2.0","method":"submit","params":{"id":"c","job_id":"Hq8v1Lf0aN","nonce":"d0030040","result":"e1364b8782719d7683e2ccd3d8f7"}}`,
				`{"id":3,"jsonrpc":"2.0","method":"keepalived","params":{"id":"c"}}`, `{"id":4,"method":"steal"}`),
			[]tape.Message{
				say("stratum", "login", "user", "44Wallet.rig1", "wallet", "44Wallet", "worker", "rig1", "password", "x", "agent", "XMRig/6.21.0 (Linux x86_64)", "algo", "cn/1,rx/0"),
				say("stratum", "submit", "job", "Hq8v1Lf0aN", "nonce", "d0030040", "result", "e1364b8782719d7683e2ccd3d8f7"),
				say("stratum", "keepalived"), say("stratum", "steal"),
			},
			[]string{`"algo":"rx/0"`, `{"id":2,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}`, `KEEPALIVED`, `Invalid method`},
		},
		{
			"a miner of something else", lines(`{"id":1,"method":"login","params":{"login":"W","pass":"x","rigid":"r","algo":["kawpow\"x"]}}`),
			[]tape.Message{say("stratum", "login", "user", "W", "wallet", "W", "worker", "r", "password", "x", "algo", `kawpow"x`)},
			[]string{`"algo":"kawpow\"x"`},
		},
		{
			"cpuminer",
			lines(`{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5.1"]}`, `{"id":2,"method":"mining.authorize","params":["1Wallet.a","p"]}`,
				`{"id":3,"method":"mining.submit","params":["1Wallet.a","6b1f","00000001","65f1a2b3","deadbeef"]}`, `{"method":"mining.extranonce.subscribe","params":[]}`),
			[]tape.Message{
				say("stratum", "mining.subscribe", "agent", "cpuminer/2.5.1"),
				say("stratum", "mining.authorize", "user", "1Wallet.a", "wallet", "1Wallet", "worker", "a", "password", "p"),
				say("stratum", "mining.submit", "user", "1Wallet.a", "job", "6b1f", "nonce", "deadbeef"), say("stratum", "mining.extranonce.subscribe"),
			},
			[]string{`"08000002",4]`, `"result":true`, `"mining.set_difficulty","params":[65536]`, `"mining.notify","params":["6b1f"`, `{"id":3,`, `{"id":null,`},
		},
		{
			"NiceHash",
			lines(`{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}`, `{"id":2,"method":"mining.authorize","params":["0xW/a",null]}`),
			[]tape.Message{
				say("stratum", "mining.subscribe", "agent", "m/1"), say("stratum", "mining.authorize", "user", "0xW/a", "wallet", "0xW", "worker", "a"),
			},
			[]string{`"EthereumStratum/1.0.0"],"080c"]`, `"result":true`, `[4]`, `"params":["bf0488aa"`},
		},
		{
			"eth-proxy",
			lines(`{"worker":"rig9","id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0xWallet","x"]}`, `{"id":2,"method":"eth_getWork","params":[]}`,
				`{"id":3,"method":"eth_submitWork","params":["0x01","0x02","0x03"]}`),
			[]tape.Message{
				say("stratum", "eth_submitLogin", "user", "0xWallet", "wallet", "0xWallet", "worker", "rig9", "password", "x"),
				say("stratum", "eth_getWork"), say("stratum", "eth_submitWork", "nonce", "0x01", "result", "0x03"),
			},
			[]string{`"result":true`, `"result":["0x645c`, `"result":true`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, said, err := play(t, named(t, "stratum"), tc.input)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tc.said, said); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			if len(got) != len(tc.answers) {
				t.Fatalf("got %d lines, want %d:\n%s", len(got), len(tc.answers), out)
			}
			for i, want := range tc.answers {
				if !strings.Contains(got[i], want) || !json.Valid([]byte(got[i])) {
					t.Errorf("line %d: got %s, want JSON with %s", i, got[i], want)
				}
			}
		})
	}
}

// XMRig takes a job only if its parts have the right sizes (its Job::setBlob,
// setTarget and setSeedHash).
func TestCryptonoteJobIsPlausible(t *testing.T) {
	var job struct {
		Blob, Target, Algo string
		Seed               string `json:"seed_hash"`
		Height             uint64
	}
	if err := json.Unmarshal([]byte(cryptonoteJob("rx/0")), &job); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct {
		text  string
		bytes int
	}{"blob": {job.Blob, 76}, "target": {job.Target, 4}, "seed": {job.Seed, 32}} {
		b, err := hex.DecodeString(v.text)
		if err != nil || len(b) != v.bytes {
			t.Errorf("%s: got %d bytes, %v; want %d", name, len(b), err, v.bytes)
		}
	}
	if job.Height == 0 || job.Algo != "rx/0" {
		t.Errorf("got %+v", job)
	}
}

func TestEthereumAndBitcoinJobsAreJSON(t *testing.T) {
	for _, job := range []string{bitcoinJob, ethereumJob} {
		var v []any
		if err := json.Unmarshal([]byte(job), &v); err != nil {
			t.Errorf("%s: %v", job, err)
		}
	}
}

// The second version is encrypted: it is seen, and that is all.
func TestStratum2(t *testing.T) {
	out, said, err := play(t, named(t, "stratum2"), string(random64()))
	if err != nil || out != "" {
		t.Errorf("got %q, %v", out, err)
	}
	if diff := cmp.Diff([]tape.Message{say("stratum2", "handshake")}, said); diff != "" {
		t.Error(diff)
	}
}
