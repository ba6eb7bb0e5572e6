package web

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// websocket agrees to speak WebSocket (RFC 6455, section 4.2.2). Whoever serves
// the connection speaks it, or closes.
func (s *Site) websocket(q *request) (Response, bool) {
	key := q.Header.Get("Sec-WebSocket-Key")
	if key == "" || !strings.EqualFold(q.Header.Get("Upgrade"), "websocket") {
		return Response{}, false
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	a := reply("websocket", http.StatusSwitchingProtocols, "", "").
		with("Upgrade", "websocket").with("Connection", "Upgrade").
		with("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	if protocol, _, _ := strings.Cut(q.Header.Get("Sec-WebSocket-Protocol"), ","); protocol != "" {
		a = a.with("Sec-WebSocket-Protocol", strings.TrimSpace(protocol))
	}
	return a, true
}
