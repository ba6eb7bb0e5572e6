package tape

// Flow is the payload of flow.end: one connection, or one exchange of datagrams
// between two addresses, seen from outside the sandbox.
type Flow struct {
	// Network is "tcp", "udp" or "icmp".
	Network string `json:"network"`
	// Local is the subject's end and Remote the other, as "IP:port" or
	// "[IP]:port"; of icmp without port.
	Local  string `json:"local"`
	Remote string `json:"remote"`
	// Name is the name for which Remote was the answer; empty if it was for none.
	Name string `json:"name,omitempty"`
	// Protocol is what was spoken, recognised by content, on any port: "http",
	// "ssh", "stratum" ..., inside TLS if there was TLS; empty if nothing was
	// recognised.
	Protocol string `json:"protocol,omitempty"`
	// TLS is set when it was inside TLS.
	TLS bool `json:"tls,omitempty"`
	// Start is when it began, in nanoseconds since the start of the run.
	Start int64 `json:"start"`
	// Sent are the bytes of payload from the subject, Received those to it.
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
	// End is how it ended: "closed", "reset" (by the subject), "timeout",
	// "refused" (by us), "half-open" (it was never established) or "open" (it
	// was when the run ended).
	End string `json:"end"`
	// Reason says why it was refused: "scan" and "flows" by the simulated
	// internet; or why a live one did not take it: "policy", "unreachable".
	Reason string `json:"reason,omitempty"`
	// Live is set when it reached the real internet.
	Live bool `json:"live,omitempty"`
	// Head is the printable start of what the subject sent in a protocol that
	// nobody recognised.
	Head string `json:"head,omitempty"`
}

// DNS is the payload of dns.answer.
type DNS struct {
	// Name has no final dot; Type is "A", "AAAA", "TXT" or a number.
	Name string `json:"name"`
	Type string `json:"type"`
	// Transport is "udp", "tcp", "tls" or "https".
	Transport string `json:"transport"`
	// Code is "NOERROR", "NXDOMAIN" or another RCODE.
	Code string `json:"code"`
	// Answers are addresses, names or texts.
	Answers []string `json:"answers,omitempty"`
	// Live is set when a real name server was asked.
	Live bool `json:"live,omitempty"`
}

// TLS is the payload of tls.handshake.
type TLS struct {
	// SNI is the name that the client asked for, ALPN what it offered.
	SNI  string   `json:"sni,omitempty"`
	ALPN []string `json:"alpn,omitempty"`
	// JA4 is the fingerprint of the client's hello (FoxIO's JA4).
	JA4 string `json:"ja4,omitempty"`
	// Version, Cipher and Protocol are what was agreed on: "TLS 1.3", "h2".
	Version  string `json:"version,omitempty"`
	Cipher   string `json:"cipher,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	// Certificate is the name on the certificate that was shown.
	Certificate string `json:"certificate,omitempty"`
	// Rejected is set when the client would not go on with our certificate: it
	// does not trust the run's CA, or it knows whom it wants. Error says how it
	// ended then, or why there was no handshake.
	Rejected bool   `json:"rejected,omitempty"`
	Error    string `json:"error,omitempty"`
}

// HTTP is the payload of http.exchange.
type HTTP struct {
	// Method, URL (with scheme and host) and Version ("HTTP/2.0") of the request.
	Method  string `json:"method"`
	URL     string `json:"url"`
	Version string `json:"version"`
	// Headers of the request, sorted by name.
	Headers []Header `json:"headers,omitempty"`
	// Body of the request; nil if there was none.
	Body *Body `json:"body,omitempty"`
	// Status, ResponseHeaders and ResponseBody are what it was answered.
	Status          int      `json:"status"`
	ResponseHeaders []Header `json:"response_headers,omitempty"`
	ResponseBody    *Body    `json:"response_body,omitempty"`
	// Answer says who answered: "canned", "metadata/aws", "package/apt" ...
	Answer string `json:"answer,omitempty"`
	// Start is when the request came, in nanoseconds since the start of the run.
	Start int64 `json:"start"`
	// Live is set when the real internet answered, Replayed when a record of
	// it did.
	Live     bool `json:"live,omitempty"`
	Replayed bool `json:"replayed,omitempty"`
}

// Header is one header of HTTP.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Body is what a request or a response carried.
type Body struct {
	// Size is how many bytes it had, SHA256 that of as many as were looked at.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Kept is set when the run's artifacts have it whole, by that name.
	Kept bool `json:"kept,omitempty"`
	// Text is its printable start.
	Text string `json:"text,omitempty"`
}

// Message is the payload of message.receive.
type Message struct {
	// Protocol is "smtp", "irc", "stratum", "ldap" ...
	Protocol string `json:"protocol"`
	// Verb is what was asked in it: "login", "NICK", "AUTH" ...
	Verb string `json:"verb"`
	// Fields are what it said, by names that docs/tape.md lists: a worker's
	// "wallet" and "agent", a shell's "answer" ...
	Fields map[string]string `json:"fields,omitempty"`
}

// Bait is the payload of bait events. Of what was planted it has the name, and
// never the value.
type Bait struct {
	// Name is the planted credential: "aws-secret-access-key".
	Name string `json:"name"`
	// Source is where it was to be had: "service" (of the simulated internet),
	// "file" or "environment".
	Source string `json:"source,omitempty"`
	// Encoding is how it was written: "plain", "base64", "hex" ...
	Encoding string `json:"encoding"`
	// Place is where it was: sent in an "http-body", "http-url", "http-header",
	// "dns-name", "stream" or "datagram"; seen in "argv", "environment",
	// "file-name", "file" or "output".
	Place string `json:"place"`
	// Home is set when it went to the service that had handed it out.
	Home bool `json:"home,omitempty"`
	// Path is the file, or its name, or the program that was executed; the name of
	// the variable of environment.
	Path string `json:"path,omitempty"`
	// Event is the sequence number of the event of the deed, of seen.
	Event uint64 `json:"event,omitempty"`
}

// Trust is the payload of trust.install; Errno and Error tell of a failure.
type Trust struct {
	Path string `json:"path"`
	// Kind is that of the plan.
	Kind  string `json:"kind"`
	Error string `json:"error,omitempty"`
}
