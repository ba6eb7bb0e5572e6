package page

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// network is what the subject said, and to whom.
type network struct {
	Names       list[nameRow]
	Requests    list[requestRow]
	TLS         list[connectionRow]
	Rejections  list[rejectionRow]
	Connections list[connectionRow]
	Messages    list[messageRow]
	Listeners   list[listenerRow]
	Baits       list[baitRow]
	Talkers     list[talkerRow]
}

// Count is in how many rows all that is.
func (n *network) Count() int {
	return n.Names.Total + n.Requests.Total + n.TLS.Total + n.Rejections.Total + n.Connections.Total + n.Messages.Total + n.Listeners.Total + n.Baits.Total
}

// shown is what every row has: the id to which links to its event lead, and what rests on it.
type shown struct {
	ID   string
	Heat detonaut.Severity
	// On are the ids of the findings that rest on it.
	On []string
	By processRef
}

func (m *model) shown(seq uint64, pid int32) shown {
	h := m.heats[seq]
	s := shown{ID: m.claim(seq), Heat: h.severity, On: h.findings[:min(len(h.findings), 4)]}
	if pid != 0 {
		s.By = m.Process(pid, seq)
	}
	return s
}

type nameRow struct {
	Name   string
	Href   string
	Others int
}

type requestRow struct {
	*detonaut.Request
	shown
	Host   string
	Pivot  string
	Bodies []bodyRow
}

type bodyRow struct {
	*detonaut.Body
	Pivot   string
	Content string // where it can be read
	Others  int
}

type connectionRow struct {
	*detonaut.Connection
	shown
	// Host is the name, else the address without the port; Pivot leads to others with it.
	Host, Port, Pivot string
	Others            int
}

type rejectionRow struct {
	*detonaut.Rejection
	shown
	Pivot string // by JA4
}

type messageRow struct {
	*detonaut.Message
	shown
	Fields []field
}

type field struct{ Name, Value, Pivot string }

type listenerRow struct {
	*detonaut.Listener
	shown
	Pivot string
}

type baitRow struct {
	*detonaut.Bait
	shown
}

// talkerRow is one process that spoke.
type talkerRow struct {
	Process                                    processRef
	Requests, Connections, Messages, Listeners int
	Sent, Received                             int64
	Hosts                                      []string
}

// Bounds of lists of a server's page.
const (
	maxNames    = 60
	maxRequests = 40
	maxTalked   = 40
	maxFields   = 16
	maxHosts    = 4
)

func (m *model) network() network {
	run := m.Report.Run
	var tls, plain []detonaut.Connection
	for i := range run.Connections {
		if run.Connections[i].TLS {
			tls = append(tls, run.Connections[i])
		} else {
			plain = append(plain, run.Connections[i])
		}
	}
	bodies := map[uint64][]bodyRow{}
	for i := range run.Bodies {
		b := &run.Bodies[i]
		if len(bodies[b.Event]) < 4 {
			bodies[b.Event] = append(bodies[b.Event], m.bodyRow(b))
		}
	}
	return network{
		Requests: cutList(m, run.Requests, maxRequests, "network", func(r *detonaut.Request) requestRow {
			host := hostOfURL(r.URL)
			return requestRow{Request: r, shown: m.shown(r.Event, r.PID), Host: host, Pivot: m.hostPivot(host), Bodies: bodies[r.Event]}
		}),
		Messages:    cutList(m, run.Messages, maxTalked, "network", m.messageRow),
		TLS:         cutList(m, tls, maxTalked, "network", m.connectionRow),
		Connections: cutList(m, plain, maxTalked, "network", m.connectionRow),
		Rejections: cutList(m, run.Rejections, maxTalked, "network", func(r *detonaut.Rejection) rejectionRow {
			return rejectionRow{Rejection: r, shown: m.shown(r.Event, r.PID), Pivot: m.Pivot(store.Certificate, r.JA4)}
		}),
		Listeners: cutList(m, run.Listeners, maxTalked, "network", func(l *detonaut.Listener) listenerRow {
			_, port := hostPort(l.Address)
			return listenerRow{Listener: l, shown: m.shown(l.Event, l.PID), Pivot: m.Pivot(store.Listen, l.Network+"/"+port)}
		}),
		Baits: cutList(m, run.Baits, maxTalked, "network", func(b *detonaut.Bait) baitRow {
			return baitRow{Bait: b, shown: m.shown(b.Event, b.PID)}
		}),
		Names: cutList(m, run.Names, maxNames, "network", func(n *string) nameRow {
			low := strings.ToLower(*n)
			return nameRow{Name: *n, Href: m.Pivot(store.Domain, low), Others: m.Others(store.Domain, low)}
		}),
		Talkers: m.talkers(),
	}
}

func (m *model) bodyRow(b *detonaut.Body) bodyRow {
	row := bodyRow{Body: b, Pivot: m.Pivot(store.SHA256, b.SHA256), Others: m.Others(store.SHA256, b.SHA256)}
	if b.Kept && m.Bodies && isSHA256(b.SHA256) {
		row.Content = PartPath(m.Report.Image.Digest, m.Key, "bodies", b.SHA256)
	}
	return row
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) < 0
}

func (m *model) messageRow(msg *detonaut.Message) messageRow {
	row := messageRow{Message: msg, shown: m.shown(msg.Event, msg.PID)}
	for name, value := range msg.Fields {
		f := field{Name: name, Value: value}
		if name == "wallet" {
			f.Pivot = m.Pivot(store.Wallet, value)
		}
		row.Fields = append(row.Fields, f)
	}
	slices.SortFunc(row.Fields, func(a, b field) int { return cmp.Compare(a.Name, b.Name) })
	row.Fields = row.Fields[:min(len(row.Fields), maxFields)]
	return row
}

func (m *model) connectionRow(c *detonaut.Connection) connectionRow {
	host, port := hostPort(c.Address)
	row := connectionRow{Connection: c, shown: m.shown(c.Event, c.PID), Host: cmp.Or(c.Name, host), Port: port}
	row.Pivot = m.hostPivot(row.Host)
	kind := store.Domain
	if isAddress(row.Host) {
		kind = store.IP
	}
	row.Others = m.Others(kind, strings.ToLower(row.Host))
	return row
}

// hostPivot leads to all images that spoke to a host.
func (m *model) hostPivot(host string) string {
	if isAddress(host) {
		return m.Pivot(store.IP, host)
	}
	return m.Pivot(store.Domain, strings.ToLower(host))
}

// hostPort takes "IP:port", "[IP]:port" or "IP" apart.
func hostPort(s string) (host, port string) {
	i := strings.LastIndexByte(s, ':')
	switch {
	case strings.HasPrefix(s, "[") && i > 0 && s[i-1] == ']':
		return s[1 : i-1], s[i+1:]
	case i < 0 || strings.IndexByte(s, ':') != i:
		return strings.Trim(s, "[]"), ""
	}
	return s[:i], s[i+1:]
}

// isAddress tells whether a host is an address of IP.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// hostOfURL is the host in a URL, without its port.
func hostOfURL(u string) string {
	_, rest, ok := strings.Cut(u, "://")
	if !ok {
		return ""
	}
	rest = rest[:indexAny(rest, "/?#")]
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	host, _ := hostPort(rest)
	return host
}

func indexAny(s, chars string) int {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return i
	}
	return len(s)
}

// talkers sums up who spoke.
func (m *model) talkers() list[talkerRow] {
	run := m.Report.Run
	rows := map[int]*talkerRow{}
	row := func(pid int32, seq uint64, host string) *talkerRow {
		i := m.process(pid, seq)
		if i < 0 {
			i = -1 - int(pid)
		}
		if rows[i] == nil {
			rows[i] = &talkerRow{Process: m.Process(pid, seq)}
		}
		if host != "" && !slices.Contains(rows[i].Hosts, host) && len(rows[i].Hosts) < maxHosts {
			rows[i].Hosts = append(rows[i].Hosts, host)
		}
		return rows[i]
	}
	for i := range run.Requests {
		r := &run.Requests[i]
		row(r.PID, r.Event, hostOfURL(r.URL)).Requests += max(1, r.Count)
	}
	for i := range run.Connections {
		c := &run.Connections[i]
		host, _ := hostPort(c.Address)
		t := row(c.PID, c.Event, cmp.Or(c.Name, host))
		t.Connections += max(1, c.Count)
		t.Sent, t.Received = t.Sent+c.Sent, t.Received+c.Received
	}
	for i := range run.Messages {
		row(run.Messages[i].PID, run.Messages[i].Event, "").Messages += max(1, run.Messages[i].Count)
	}
	for i := range run.Listeners {
		row(run.Listeners[i].PID, run.Listeners[i].Event, "").Listeners++
	}
	var all []talkerRow
	for _, t := range rows {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b talkerRow) int {
		return cmp.Or(-cmp.Compare(a.Sent+a.Received, b.Sent+b.Received), -cmp.Compare(a.Connections+a.Requests, b.Connections+b.Requests),
			cmp.Compare(a.Process.PID, b.Process.PID), cmp.Compare(a.Process.Href, b.Process.Href))
	})
	return cutList(m, all, 20, "network", func(t *talkerRow) talkerRow { return *t })
}
