package rule

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/rulebook"
)

const good = `id: test/good
title: A title
meaning: A sentence.
severity: low
confidence: certain
on: [file.open]
when: event.file.path == '/a'
yes: [{name: a, events: [{kind: file.open, pid: 1, file: {path: /a}}]}]
no: [{name: b, events: [{kind: file.open, pid: 1, file: {path: /b}}]}]
`

// with changes one line of good, by what it begins with; more lines follow it.
func with(prefix, line string) string {
	lines := strings.Split(strings.TrimSuffix(good, "\n"), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, prefix) {
			lines[i] = line
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func loadText(t *testing.T, text string) *Set {
	t.Helper()
	set, err := Load(fstest.MapFS{"test/good.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestBadRulesAreReportedWithTheirLine(t *testing.T) {
	long := "'" + strings.Repeat("a", 5000) + "' == ''"
	for name, tt := range map[string]struct{ text, want string }{
		"no YAML":                      {"id: [", "test/good.yaml:1: "},
		"another field":                {with("on:", "on: [file.open]\nhow: x"), "test/good.yaml:7: field how not found"},
		"another id":                   {with("id:", "id: test/other"), `the id is "test/other"; by its path it must be "test/good"`},
		"an alias":                     {with("meaning:", "meaning: &m A sentence."), "test/good.yaml:3: anchors"},
		"two documents":                {good + "---\n" + good, "more than one document"},
		"too long":                     {good + "# " + strings.Repeat("x", rulebook.MaxDocument), "more than 65536 bytes"},
		"no title":                     {with("title:", ""), "title and meaning are required"},
		"a severity that is no word":   {with("severity:", "severity: awful"), `severity "awful" is none of`},
		"a category that is no word":   {with("on:", "category: pest\non: [file.open]"), `category "pest" is unknown`},
		"a technique that is none":     {with("on:", "attack: [T1059, T59]\non: [file.open]"), `attack "T59" is no id`},
		"a technique of two parts":     {with("on:", "attack: [T1059.4]\non: [file.open]"), `attack "T1059.4" is no id`},
		"a technique twice":            {with("on:", "attack: [T1059, T1059]\non: [file.open]"), "attack T1059 is named twice"},
		"a family that is no name":     {with("on:", "family: XMRig\non: [file.open]"), `family "XMRig" is no short name`},
		"a family that is a sentence":  {with("on:", "family: "+strings.Repeat("a", 33)+"\non: [file.open]"), "is no short name"},
		"a kind that is no word":       {with("on:", "on: [file.opne]"), `no event has kind "file.opne"`},
		"no kind":                      {with("on:", "on: []"), "on needs 1 to"},
		"CEL that does not parse":      {with("when:", "when: event.file.path == "), "test/good.yaml:7: column"},
		"CEL in a block":               {with("when:", "when: >-\n  event.file.pth == ''"), "test/good.yaml:8: column 11: undefined field 'pth'"},
		"a field that is no word":      {with("when:", "when: event.file.pth == ''"), "test/good.yaml:7: column 11: undefined field 'pth'"},
		"a condition that is a number": {with("when:", "when: event.pid + 1"), "is a int, must be a bool"},
		"a pattern that is none":       {with("when:", "when: event.file.path.matches('(')"), "test/good.yaml:7: "},
		"a pattern of the subject's":   {with("when:", "when: event.file.path.matches(event.file.target)"), "must be a literal"},
		"a pattern that explodes":      {with("when:", "when: event.file.path.matches('((((a{1,90}){1,90}){1,90}))')"), "test/good.yaml:7: "},
		"a condition too long":         {with("when:", "when: \""+long+"\""), "test/good.yaml:7: "},
		"loops in loops":               {with("when:", "when: ancestors.exists(a, ancestors.exists(b, ancestors.exists(c, a.pid == b.pid)))"), "test/good.yaml:7: "},
		"a condition too dear":         {with("when:", "when: process.args.exists(a, process.args.exists(b, a.contains(b)))"), "test/good.yaml:7: "},
		"looking back at nothing":      {with("when:", "when: earlier[0].pid == 1"), "earlier is for the second step"},
		"count without a time":         {with("on:", "count: 5\non: [file.open]"), "count needs within"},
		"count of one":                 {with("on:", "count: 1\nwithin: 1s\non: [file.open]"), "count is 2 to"},
		"time that is none":            {with("on:", "count: 5\nwithin: soon\non: [file.open]"), `within "soon" is no time`},
		"regular without a count":      {with("on:", "regular: 0.2\non: [file.open]"), "regular is between 0 and 1"},
		"regular with too few":         {with("on:", "regular: 0.2\ncount: 5\nwithin: 1m\non: [file.open]"), "a count of 6 to 64"},
		"regular with too many":        {with("on:", "regular: 0.2\ncount: 65\nwithin: 1m\non: [file.open]"), "a count of 6 to 64"},
		"regular beyond one":           {with("on:", "regular: 1.5\ncount: 6\nwithin: 1m\non: [file.open]"), "regular is between 0 and 1"},
		"regular and distinct":         {with("on:", "regular: 0.2\ndistinct: event.kind\ncount: 6\nwithin: 1m\non: [file.open]"), "no distinct"},
		"a key for nothing":            {with("on:", "key: event.file.path\non: [file.open]"), "go with count or sequence"},
		"a scope that is no word":      {with("on:", "count: 5\nwithin: 1s\nin: world\non: [file.open]"), `in "world" is none of`},
		"a sequence of one":            {with("on:", "sequence: [{on: [file.open]}]"), "a sequence has"},
	} {
		t.Run(name, func(t *testing.T) {
			set := loadText(t, tt.text)
			if len(set.Rules()) != 0 || len(set.Problems()) != 1 {
				t.Fatalf("%d rules, problems %v", len(set.Rules()), set.Problems())
			}
			if got := set.Problems()[0].Error(); !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTheGoodLoadBesideTheBad(t *testing.T) {
	files := fstest.MapFS{
		"test/good.yaml": {Data: []byte(good)}, "test/bad.yaml": {Data: []byte("id: x")}, "README.md": {Data: []byte("x")},
		"z.yaml/x.txt": {Data: []byte("x")},
	}
	set, err := Load(files, fstest.MapFS{"test/good.yaml": {Data: []byte(good)}})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules()) != 1 || len(set.Problems()) != 2 {
		t.Fatalf("%d rules, problems %v", len(set.Rules()), set.Problems())
	}
	if got := set.Problems()[1].Reason; got != "another rule has this id" {
		t.Errorf("second of one id: %s", got)
	}
	if failures := set.Test(); len(failures) != 0 {
		t.Errorf("examples: %v", failures)
	}
	_, gaps := set.Detector(detonaut.Image{}).Conclude()
	if len(gaps) != 2 || !strings.Contains(gaps[0], "test/bad.yaml") {
		t.Errorf("gaps of rules that are missing: %q", gaps)
	}
}

func TestDigestFollowsTheText(t *testing.T) {
	a, b := loadText(t, good), loadText(t, good)
	other := loadText(t, with("severity:", "severity: high"))
	if a.Digest() != b.Digest() || a.Digest() == other.Digest() || !strings.HasPrefix(string(a.Digest()), "sha256:") {
		t.Errorf("digests %s, %s, %s", a.Digest(), b.Digest(), other.Digest())
	}
}

func TestExamplesThatFail(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no yes":                {with("yes:", ""), "there is no yes example"},
		"no no":                 {with("no:", ""), "there is no no example"},
		"yes that is":           {with("when:", "when: event.file.path == '/c'"), "does not match and should"},
		"no that isn't":         {with("when:", "when: event.file.path != ''"), "matches and should not"},
		"an event that is none": {with("no:", "no: [{name: b, events: [{kind: file.open, pid: 1, call: {}}]}]"), "line 9: invalid tape"},
		"an example of nothing": {with("no:", "no: [{name: b}]"), "needs a name and events"},
		"endless repetition":    {with("no:", "no: [{name: b, events: [{kind: file.open, repeat: 100000, pid: 1, file: {path: a}}]}]"), "repeat is 1 to"},
		"an error":              {with("when:", "when: process.args[3] == ''"), "could not look at 1 events"},
	} {
		failures := loadText(t, tt.text).Test()
		if !slices.ContainsFunc(failures, func(f rulebook.Failure) bool { return strings.Contains(f.Reason, tt.want) && f.Rule == "test/good" }) {
			t.Errorf("%s: got %v, want %q", name, failures, tt.want)
		}
	}
}

// TestFieldsAreThoseOfTheTape holds the words of the language to the JSON of
// the tape.
func TestFieldsAreThoseOfTheTape(t *testing.T) {
	table := fieldTable()
	// Totals of a run, but for the time of the processor, are for coverage, its plan, its clocks and the sums of its
	// output for nobody to judge by; written and privileged are ours.
	without := map[string][]string{
		"Event": {"start", "ahead", "time"},
		"End":   {"detail", "events", "folded", "cut", "dropped", "max_memory", "output", "output_cut", "ahead", "jumps"},
	}
	ours := map[string][]string{"Event": {"written"}, "Change": {"privileged"}}
	for name, value := range map[string]any{
		"Event": tape.Event{}, "End": tape.End{}, "Exec": tape.Process{}, "File": tape.File{}, "Socket": tape.Socket{},
		"Question": tape.Question{}, "Memory": tape.Memory{}, "Call": tape.Call{}, "Output": tape.Output{},
		"Flow": tape.Flow{}, "DNS": tape.DNS{}, "TLS": tape.TLS{}, "HTTP": tape.HTTP{}, "Header": tape.Header{}, "Body": tape.Body{},
		"Message": tape.Message{}, "Bait": tape.Bait{}, "Trust": tape.Trust{},
		"Payload": tape.Payload{}, "Change": tape.Change{},
	} {
		want := slices.Clone(ours[name])
		for i := range reflect.TypeOf(value).NumField() {
			tag, _, _ := strings.Cut(reflect.TypeOf(value).Field(i).Tag.Get("json"), ",")
			if !slices.Contains(without[name], tag) {
				want = append(want, tag)
			}
		}
		for _, f := range want {
			if table[name][f] == nil {
				t.Errorf("%s has no field %s", name, f)
			}
		}
		if len(table[name]) != len(want) {
			t.Errorf("%s has %d fields, want %v", name, len(table[name]), want)
		}
	}
}

// TestWords reads what the events of the network say, and those of what was kept
// and is different.
func TestWords(t *testing.T) {
	for condition, event := range map[string]string{
		"event.flow == 7 && event.flow_end.remote.port() == 443 && event.flow_end.tls":                                                             "{kind: flow.end, pid: 1, flow: 7, flow_end: {network: tcp, remote: '192.0.2.1:443', tls: true, end: closed}}",
		"has(event.dns) && event.dns.answers[0] == '192.0.2.1'":                                                                                    "{kind: dns.answer, dns: {name: a.example, type: A, transport: udp, code: NOERROR, answers: [192.0.2.1]}}",
		"event.tls.rejected && event.tls.alpn.exists(a, a == 'h2')":                                                                                "{kind: tls.handshake, tls: {sni: a.example, alpn: [h2], rejected: true}}",
		"event.http.header('user-agent') == 'x' && event.http.headers[0].name == 'Accept' && event.http.response_headers.exists(h, h.name == 'B')": "{kind: http.exchange, http: {method: GET, url: 'http://a/', version: HTTP/1.1, status: 200, start: 0, headers: [{name: Accept, value: '*'}, {name: User-Agent, value: x}], response_headers: [{name: B, value: c}]}}",
		"has(event.http.body) && event.http.body.size == 9 && event.http.response_body.size == 0":                                                  "{kind: http.exchange, http: {method: POST, url: 'http://a/', version: HTTP/1.1, status: 200, start: 0, body: {size: 9, sha256: ff}}}",
		"event.message.protocol == 'irc' && event.message.fields.nick == 'x' && event.message.fields.none == ''":                                   "{kind: message.receive, message: {protocol: irc, verb: NICK, fields: {nick: x}}}",
		"!event.bait.home && event.bait.name == 'a'":                                                                                               "{kind: bait.sent, bait: {name: a, encoding: hex, place: stream}}",
		"event.trust.error != ''": "{kind: trust.install, trust: {path: /a, kind: pem, error: full}}",
		"event.payload.how == 'code' && event.payload.type == 'elf' && event.payload.kept && event.payload.address > 0 && event.payload.mode == 0": "{kind: payload.keep, pid: 1, payload: {how: code, path: /a, size: 9, type: elf, address: 4096, kept: true}}",
		"event.change.privileged && event.change.was == 493 && event.change.attrs[0] == 'user.a' && !event.change.content":                         "{kind: change.modify, change: {path: /a, type: file, mode: 2541, was: 493, attrs: [user.a]}}",
		"event.call.unimplemented && event.errno == 'ENOSYS'":                                                                                      "{kind: call.vmsplice, pid: 1, errno: ENOSYS, call: {unimplemented: true}}",
		"event.socket.address.host() == '192.0.2.1'":                                                                                               "{kind: socket.local, socket: {family: inet, address: '192.0.2.1:1'}}",
	} {
		text := good[:strings.Index(good, "on:")] + "on: [flow.*, dns.*, tls.*, http.*, message.*, bait.*, trust.*, socket.local, payload.*, change.*, call.*]\nwhen: |-\n  " + condition +
			"\nyes: [{name: a, events: [" + event + "]}]\nno: [{name: b, events: [{kind: bait.sent, bait: {name: b, home: true, encoding: x, place: y}}]}]\n"
		set := loadText(t, text)
		for _, p := range set.Problems() {
			t.Errorf("%s: %s", condition, p.Reason)
		}
		for _, f := range set.Test() {
			t.Errorf("%s: %s", condition, f.Reason)
		}
	}
}

// TestEveryWordWorks evaluates each field and function once, present and
// absent.
func TestEveryWordWorks(t *testing.T) {
	var conditions []string
	for name, prefix := range map[string]string{
		"Event": "event.", "End": "event.end.", "Exec": "event.process.", "File": "event.file.", "Socket": "event.socket.",
		"Memory": "event.memory.", "Call": "event.call.", "Output": "event.output.", "Process": "process.",
		"Flow": "event.flow_end.", "DNS": "event.dns.", "TLS": "event.tls.", "HTTP": "event.http.", "Body": "event.http.response_body.",
		"Message": "event.message.", "Bait": "event.bait.", "Trust": "event.trust.", "Image": "image.",
	} {
		for field := range fieldTable()[name] {
			conditions = append(conditions, prefix+field+" == "+prefix+field)
		}
	}
	conditions = append(conditions,
		"!has(event.memory) && has(event.file)", "event.call.args.option == '' && event.call.args['x'] == ''", "!('x' in event.call.args)",
		"event.file.path.base() == 'b' && event.file.path.under('/a') && event.file.path.under(['/x', '/a/b'])",
		"!event.file.path.under('/a/b/c') && !event.file.path.under([event.file.target, '/'+'ab'])",
		"'1.2.3.4:5'.host() == '1.2.3.4' && '[::1]:5'.port() == 5 && '[::1]:5'.loopback() && !'1.2.3.4:5'.private()",
		"'ABC'.lower() == 'abc'", "process.is('shell') && !parent.is('shell')", "parent == parent && parent != process",
		"ancestors.size() == 0 && process.args.exists(a, a == '-c')", "event.written == '/a/b'", "event.count == 1",
		"!has(event.http) && !has(event.http.body) && event.http.header('x') == '' && event.http.headers.size() == 0",
		"event.message.fields.wallet == '' && event.message.fields['x'] == ''",
		"'https://user@a.example:8443/x?y#z'.host() == 'a.example' && 'https://[2001:db8::1]/'.host() == '2001:db8::1'",
		"'http://a.example'.port() == 80 && 'https://a.example/'.port() == 443 && 'http://a.example:81/'.port() == 81",
		"'http://127.0.0.1/'.loopback() && 'http://10.0.0.1:2/'.private() && 'https://a.example/x/y?z'.path() == '/x/y'",
		"'192.0.2.1'.ip() && !'a.example'.ip() && 'a.b.example.co.uk'.domain() == 'example.co.uk'",
	)
	rules := good[:strings.Index(good, "when:")]
	for _, c := range conditions {
		text := rules + "when: |-\n  " + c + "\n" + `yes:
  - name: a
    events:
      - {kind: process.exec, pid: 1, process: {executable: /bin/sh, args: [sh, -c]}}
      - {kind: file.open, pid: 1, file: {path: /a/b, flags: O_WRONLY}}
no: [{name: b, events: [{kind: file.delete, pid: 1, file: {path: /b}}]}]
`
		set := loadText(t, text)
		for _, p := range set.Problems() {
			t.Errorf("%s: %s", c, p.Reason)
		}
		for _, f := range set.Test() {
			t.Errorf("%s: %s", c, f.Reason)
		}
	}
}
