package network

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web"
)

// connect serves a client that asked a proxy for a way through.
func (x *exchangeHTTP) connect(w http.ResponseWriter, r *http.Request) {
	host, port := splitTarget(r.Host)
	hijacker, ok := w.(http.Hijacker)
	if !ok || x.stream.depth >= tunnels || port == 0 {
		x.record(answered{Response: web.Response{Status: http.StatusBadGateway, Answer: "proxy"}})
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	x.record(answered{Response: web.Response{Status: http.StatusOK, Answer: "proxy"}})
	c, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, err = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	if err == nil {
		_ = x.internet.dispatch(x.internet.ctx, x.stream.toward(x.stream.over(rest(c, buffered.Reader)), host, port))
	}
}

// upgrade serves what comes after a change of protocol, which the real internet
// speaks or nobody.
func (x *exchangeHTTP) upgrade(w http.ResponseWriter, a answered) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	x.stream.flow.speaks(a.Answer)
	response := http.Response{StatusCode: a.Status, ProtoMajor: 1, ProtoMinor: 1, Header: a.Header}
	if response.Write(c) != nil {
		return
	}
	after := x.stream.over(rest(c, buffered.Reader))
	if a.conn != nil {
		_ = x.internet.carry(x.internet.ctx, after, a.conn, nil) // the flow tells how it ended
		return
	}
	_, _ = io.Copy(io.Discard, readerOnly{after})
}

// rest reads what the server had read ahead, then the connection.
func rest(c net.Conn, ahead *bufio.Reader) *bufio.Reader {
	n := ahead.Buffered()
	head, _ := ahead.Peek(n) // they are there
	return bufio.NewReaderSize(io.MultiReader(strings.NewReader(string(head)), c), readBuffer)
}

func splitTarget(target string) (host string, port uint16) {
	host, text, err := net.SplitHostPort(target)
	if err != nil {
		return target, 0
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, uint16(number)
}
