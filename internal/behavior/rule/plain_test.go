package rule

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/rules"
)

// plain makes an index that keeps nothing from any step, of rules whose conditions
// CEL evaluates all alone.
func plain(rules []*Rule) *index {
	bare := func(c *condition) *condition {
		if c == nil {
			return nil
		}
		// What never fails is read in another order than what may.
		return &condition{program: c.program, truth: always(ask), text: textTerm{sure: c.text.sure}, looksBack: c.looksBack}
	}
	var slow []*Rule
	for _, r := range rules {
		s := *r
		s.steps, s.unless, s.distinct = nil, nil, bare(r.distinct)
		for _, step := range r.steps {
			step.when, step.key = bare(step.when), bare(step.key)
			s.steps = append(s.steps, step)
		}
		for _, u := range r.unless {
			s.unless = append(s.unless, bare(u))
		}
		slow = append(slow, &s)
	}
	x := newIndex(slow, newShared())
	tables := []*table{&x.rest}
	for _, t := range x.tables {
		tables = append(tables, t)
	}
	for _, t := range tables {
		t.once.Do(func() {})
		for i, r := range slow {
			for j := range slices.Backward(r.steps) {
				if t.kind == "" && r.steps[j].isOpen() || t.kind != "" && r.steps[j].wants(t.kind) {
					t.offers = append(t.offers, offer{rule: i, step: j, when: always(ask)})
				}
			}
		}
		t.all = make(marks, (len(t.offers)+63)/64)
		for i := range t.offers {
			t.all.add([]uint16{uint16(i)})
		}
	}
	return x
}

// both explains events by an index and by CEL alone, and tells whether they say the
// same of everything.
func both(t *testing.T, fast, slow *index, image *facts, events []*tape.Event) {
	t.Helper()
	run := func(x *index) (behavior.Result, budget) {
		d := newDetector(x, image, nil)
		a := behavior.NewAnalysis(d)
		for _, e := range events {
			if err := a.Record(e); err != nil {
				t.Fatal(err)
			}
		}
		r := a.Result()
		d.sweep() // what is too old may be forgotten sooner or later
		return r, d.budget
	}
	got, left := run(fast)
	want, wantLeft := run(slow)
	if !reflect.DeepEqual(got.Findings, want.Findings) {
		t.Errorf("findings differ:\n%v\nby CEL alone:\n%v", got.Findings, want.Findings)
	}
	if !slices.Equal(got.Coverage.Gaps, want.Coverage.Gaps) {
		t.Errorf("gaps differ:\n%q\nby CEL alone:\n%q", got.Coverage.Gaps, want.Coverage.Gaps)
	}
	if left != wantLeft {
		t.Errorf("the budget is %+v, by CEL alone %+v", left, wantLeft)
	}
}

// defaults loads the rules that come with Detonaut, and more.
func defaults(tb testing.TB, more ...fs.FS) *Set {
	tb.Helper()
	set, err := Load(append([]fs.FS{rules.Behavior()}, more...)...)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range set.Problems() {
		tb.Error(p)
	}
	return set
}

// others are n rules of all sorts, each about something that nobody does.
func others(n int) fstest.MapFS {
	bodies := []string{
		"on: [file.create, file.open, file.rename, file.delete]\nwhen: event.written == '/etc/nobody-%d' || event.file.path.under(['/opt/nobody-%d', '/srv/nobody-%d'])",
		"on: [process.exec]\nwhen: event.errno == '' && process.args.exists(a, a.contains('nobody-%d') || a.matches('no(body|one)-%d +[a-z]'))",
		"on: [http.exchange]\nwhen: event.http.method == 'GET' && event.http.url.host().domain() in ['nobody-%d.example', 'no-one-%d.example']",
		"on: [dns.answer, socket.send]\nwhen: \"event.kind == 'dns.answer' ? event.dns.name.lower().endsWith('.nobody-%d') : event.socket.dns.exists(q, q.name == 'nobody-%d')\"",
		"on: [socket.connect, socket.accept]\nwhen: event.socket.address.port() == 65535 && event.socket.address.host() == 'fd00::%d'",
		"on: [call.prctl, file.create]\nwhen: \"event.kind == 'file.create' ? event.file.path.base() == 'nobody-%d' : event.call.args.value.startsWith('nobody-%d')\"",
		"in: run\nwithin: 60s\nsequence:\n  - {on: [file.create], when: \"event.written.endsWith('.nobody-%d')\", key: event.written}\n  - {on: [process.exec], key: process.executable}",
		"in: subtree\nwithin: 60s\ncount: 5\ndistinct: event.file.path\non: [file.open, file.delete]\nwhen: event.file.path.contains('/.nobody-%d/')",
	}
	files := make(fstest.MapFS)
	for i := range n {
		id := fmt.Sprintf("other/%d", i)
		body := strings.ReplaceAll(bodies[i%len(bodies)], "%d", fmt.Sprint(i))
		files[id+".yaml"] = &fstest.MapFile{Data: []byte("id: " + id + "\ntitle: T\nmeaning: M\nseverity: low\nconfidence: certain\n" + body + "\n")}
	}
	return files
}

// words are texts and numbers that conditions ask for, and what is close to them.
type words struct {
	texts   []string
	names   []string // of entries of maps
	numbers []int64
}

func wordsOf(rules []*Rule) *words {
	w := &words{
		texts: []string{"", "/", "/tmp/x", "/usr/bin/curl", "sh", "/bin/busybox", "a.example", "10.0.0.1:80", "[::1]:443", "http://a.example/x?y", "\xff\xfe", "ü"},
		names: []string{"x", "option"}, numbers: []int64{-1, 0, 1, 2, 64, 80, 443, 0o4755, 0o6755, 1 << 40, -1 << 63, 1<<63 - 1},
	}
	add := func(c *condition) {
		if c == nil {
			return
		}
		ast.PreOrderVisit(c.ast.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
			switch e.Kind() {
			case ast.SelectKind:
				w.names = append(w.names, e.AsSelect().FieldName())
			case ast.LiteralKind:
				switch x := e.AsLiteral().(type) {
				case types.Int:
					w.numbers = append(w.numbers, int64(x), int64(x)+1)
				case types.String:
					s := string(x)
					w.texts = append(w.texts, s, s, s+"/x", "/x/"+s, s+".example", "x"+s+"y", strings.ToUpper(s), "http://"+s+"/", s+":3333")
				}
			}
		}))
	}
	for _, r := range rules {
		for i := range r.steps {
			add(r.steps[i].when)
			add(r.steps[i].key)
		}
		add(r.distinct)
		for _, u := range r.unless {
			add(u)
		}
	}
	for _, name := range []string{"bash", "dpkg", "npm", "gcc", "wget", "python3.13", "x86_64-linux-gnu-gcc-14"} { // of all roles
		w.texts = append(w.texts, name, "/usr/bin/"+name)
	}
	w.names = slices.Compact(slices.Sorted(slices.Values(w.names)))
	return w
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// fill gives every field of v a value by chance, or none.
func (w *words) fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				w.fill(r, v.Field(i))
			}
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			w.fill(r, v.Elem())
		}
	case reflect.String:
		v.SetString(pick(r, w.texts))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n := pick(r, w.numbers); !v.OverflowInt(n) {
			v.SetInt(n)
		}
	case reflect.Uint32, reflect.Uint64:
		if n := pick(r, w.numbers); n >= 0 && !v.OverflowUint(uint64(n)) {
			v.SetUint(uint64(n))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			w.fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(4) {
			v.SetMapIndex(reflect.ValueOf(pick(r, w.names)), reflect.ValueOf(pick(r, w.texts)))
		}
	default:
	}
}

// tape makes n events, of any kinds, of a few processes.
func (w *words) tape(r *rand.Rand, n int) (events []*tape.Event) {
	kinds := append(tape.Kinds(), "call.prctl", "call.setns", "call.mount", "call.ptrace", "call.bpf", "call.io_uring_setup", "call.x")
	now := int64(0)
	for i := range n {
		e := &tape.Event{Seq: uint64(i + 1), Kind: pick(r, kinds), PID: int32(r.IntN(8)), Flow: uint64(r.IntN(3))}
		if r.IntN(2) == 0 {
			e.Errno = pick(r, []string{"ENOENT", "EAGAIN", "x"})
		}
		family, _, _ := strings.Cut(string(e.Kind), ".")
		fields := map[string]any{
			"process": &e.Process, "file": &e.File, "socket": &e.Socket, "memory": &e.Memory, "call": &e.Call, "output": &e.Output,
			"flow": &e.FlowEnd, "dns": &e.DNS, "tls": &e.TLS, "http": &e.HTTP, "message": &e.Message, "bait": &e.Bait, "trust": &e.Trust,
			"payload": &e.Payload, "change": &e.Change,
		}
		if f := fields[family]; f != nil {
			v := reflect.ValueOf(f).Elem()
			v.Set(reflect.New(v.Type().Elem()))
			w.fill(r, v.Elem())
		}
		if e.Process != nil {
			e.Process.Child, e.Process.Parent = int32(r.IntN(8)), int32(r.IntN(8))
		}
		now += int64(r.IntN(2_000_000_000))
		e.Time = now
		events = append(events, e)
	}
	return events
}

// moments are those of events, as a detector is given them.
type moments []behavior.Moment

func (m *moments) Observe(x behavior.Moment)                           { *m = append(*m, x) }
func (m *moments) Conclude() (found []detonaut.Finding, gaps []string) { return nil, nil }

// holds tells whether an atom does, in the plainest way.
func (a *atom) holds(s *scene) bool {
	found := false
	look := func() {
		if a.count != nil {
			n, ok := a.count(s)
			found = found || !ok || n == a.number
			return
		}
		v, ok := a.get(s)
		found = found || !ok || map[how]func(string, string) bool{
			exactly: func(v, w string) bool { return v == w }, beginning: strings.HasPrefix, ending: strings.HasSuffix, within: strings.Contains,
		}[a.how](v, a.text)
	}
	l := a.from.loop
	if l == nil {
		look()
		return found
	}
	list, _ := l.of.open(s)
	for i := range list.count {
		l.pick(s, &list, i)
		look()
	}
	return found
}

func (c cover) holds(s *scene) bool {
	return c == nil || slices.ContainsFunc(c, func(a atom) bool { return a.holds(s) })
}

// together is what the terms of all tests have in common.
var together = newShared()

// agree holds the terms of a condition to what CEL says of a scene, and reports
// whether they knew.
func agree(t *testing.T, c *condition, kind tape.Kind, s *scene, event int) bool {
	t.Helper()
	said := fmt.Sprintf("%s, event %d", c.source, event)
	v, err := c.eval(s)
	if c.text.get != nil {
		got, ok := c.text.get(s)
		if ok && (err != nil || v != types.String(got)) {
			t.Errorf("%s: the term says %q, CEL %v, %v", said, got, v, err)
		}
		return ok
	}
	knew := false
	for _, term := range []truthTerm{c.truth, c.truthFor(kind, together)} {
		a := term.eval(s)
		if a != ask && (err != nil || v != types.Bool(a == yes)) {
			t.Errorf("%s: the term says %t, CEL %v, %v", said, a == yes, v, err)
		}
		if a == ask && term.sure {
			t.Errorf("%s: a term that is sure asks", said)
		}
		if !term.toBeYes.holds(s) && (err != nil || v != types.False) {
			t.Errorf("%s: an index passes it over, CEL says %v, %v", said, v, err)
		}
		if !term.toBeNo.holds(s) && (err != nil || v != types.True) {
			t.Errorf("%s: an index passes its opposite over, CEL says %v, %v", said, v, err)
		}
		knew = a != ask
	}
	return knew
}
