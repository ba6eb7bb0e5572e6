package web

import (
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

// A dropbox is a place of others to which subjects send what they found, or
// from which they read what to do.
type dropbox struct {
	answer  string
	domains []string
	reply   func(*Site, *request) Response // nil is took
}

// dropboxes are matched with the host or what it is below.
var dropboxes = []dropbox{
	{"drop/telegram", []string{"api.telegram.org"}, (*Site).telegram},
	{"drop/discord", []string{"discord.com", "discordapp.com"}, (*Site).discord},
	{"drop/slack", []string{"hooks.slack.com", "slack.com"}, (*Site).slack},
	{"drop/teams", []string{"webhook.office.com", "outlook.office.com"}, func(*Site, *request) Response { return reply("", http.StatusOK, "text/plain", "1") }},
	{"drop/webhook.site", []string{"webhook.site", "webhookinbox.com", "requestbin.com", "requestbin.net", "m.pipedream.net", "beeceptor.com", "hookbin.com", "requestcatcher.com"}, nil},
	{"drop/callback", []string{"oastify.com", "burpcollaborator.net", "interact.sh", "oast.pro", "oast.live", "oast.site", "oast.online", "oast.fun", "oast.me", "dnslog.cn", "ceye.io", "canarytokens.com"}, nil},
	{"drop/tunnel", []string{"ngrok.io", "ngrok.app", "ngrok-free.app", "ngrok.dev", "trycloudflare.com", "serveo.net", "loca.lt", "localhost.run", "lhr.life", "pagekite.me", "portmap.io", "bore.pub"}, nil},
	{"drop/transfer.sh", []string{"transfer.sh"}, (*Site).upload},
	{"drop/file.io", []string{"file.io"}, (*Site).fileIO},
	{"drop/0x0.st", []string{"0x0.st"}, (*Site).upload},
	{"drop/temp.sh", []string{"temp.sh"}, (*Site).upload},
	{"drop/catbox", []string{"catbox.moe"}, (*Site).upload},
	{"drop/bashupload", []string{"bashupload.com"}, (*Site).upload},
	{"drop/oshi.at", []string{"oshi.at"}, (*Site).upload},
	{"drop/gofile", []string{"gofile.io"}, (*Site).gofile},
	{"drop/anonfiles", []string{"anonfiles.com", "bayfiles.com", "anonymfile.com", "pixeldrain.com"}, (*Site).fileIO},
	{"drop/mega", []string{"mega.nz", "mega.co.nz"}, func(*Site, *request) Response { return reply("", http.StatusOK, "application/json", "[-3]") }},
	{"drop/dropbox", []string{"content.dropboxapi.com", "api.dropboxapi.com"}, func(s *Site, q *request) Response {
		return reply("", http.StatusOK, "application/json", toJSON(map[string]any{"id": "id:" + s.token(22, q.path), "name": "file", "path_display": "/file", "size": len(q.body)}))
	}},
	{"paste/pastebin", []string{"pastebin.com"}, (*Site).paste},
	{"paste/hastebin", []string{"hastebin.com", "hastebin.skyra.pw", "toptal.com"}, (*Site).haste},
	{"paste/ix.io", []string{"ix.io"}, (*Site).paste},
	{"paste/sprunge", []string{"sprunge.us"}, (*Site).paste},
	{"paste/paste.rs", []string{"paste.rs"}, (*Site).paste},
	{"paste/rentry", []string{"rentry.co", "rentry.org"}, (*Site).paste},
	{"paste/dpaste", []string{"dpaste.com", "dpaste.org"}, (*Site).paste},
	{"paste/paste.ee", []string{"paste.ee"}, (*Site).paste},
	{"paste/termbin", []string{"termbin.com"}, (*Site).paste},
	{"paste/controlc", []string{"controlc.com", "ghostbin.com", "ghostbin.co", "privatebin.net", "justpaste.it", "pastie.org"}, (*Site).paste},
}

// drop takes what is sent to a dropbox and says so as that would.
func (s *Site) drop(q *request) (Response, bool) {
	for _, d := range dropboxes {
		if !q.within(d.domains...) {
			continue
		}
		answer := d.reply
		if answer == nil {
			answer = (*Site).took
		}
		out := answer(s, q)
		out.Answer = d.answer
		return out, true
	}
	return Response{}, false
}

// took says that all is well, or gives a file.
func (s *Site) took(q *request) Response {
	if a, ok := s.panel(q); ok {
		return a
	}
	return s.fallback(q)
}

// upload gives a link to what was sent, one a line.
func (s *Site) upload(q *request) Response {
	if q.reads() {
		return s.fallback(q)
	}
	name := path.Base(q.path)
	if name == "/" || name == "." {
		name = "file"
	}
	return reply("", http.StatusOK, "text/plain", q.link("/"+s.token(6, string(q.body))+"/"+name)+"\n").
		with("X-Url-Delete", q.link("/"+s.token(6, string(q.body))+"/"+name+"/"+s.token(10, name)))
}

func (s *Site) fileIO(q *request) Response {
	if q.reads() {
		return s.fallback(q)
	}
	key := s.token(12, string(q.body))
	return reply("", http.StatusOK, "application/json", toJSON(map[string]any{
		"success": true, "status": 200, "id": key, "key": key, "name": "file", "link": q.link("/" + key), "size": len(q.body),
		"expires": s.opts.Now().UTC().AddDate(0, 0, 14).Format("2006-01-02T15:04:05.000Z"), "maxDownloads": 1, "autoDelete": true,
	}))
}

func (s *Site) gofile(q *request) Response {
	if q.reads() {
		return reply("", http.StatusOK, "application/json", `{"status":"ok","data":{"server":"store1","servers":[{"name":"store1","zone":"eu"}]}}`)
	}
	id := s.token(6, string(q.body))
	return reply("", http.StatusOK, "application/json", toJSON(map[string]any{"status": "ok", "data": map[string]any{
		"code": id, "downloadPage": "https://gofile.io/d/" + id, "fileId": s.token(32, id), "fileName": "file", "parentFolder": s.token(32, id, "folder"),
	}}))
}

// paste gives a link to what was sent, and a script to who reads one.
func (s *Site) paste(q *request) Response {
	id := s.token(8, q.path, string(q.body))
	switch {
	case q.host == "pastebin.com" && q.path == "/api/api_login.php":
		return reply("", http.StatusOK, "text/plain", s.token(32, "login"))
	case !q.reads():
		return reply("", http.StatusCreated, "text/plain", q.link("/"+id)+"\n").with("Location", q.link("/"+id))
	case q.path == "/":
		return s.fallback(q)
	}
	return reply("", http.StatusOK, "text/plain; charset=utf-8", inert.Shell)
}

func (s *Site) haste(q *request) Response {
	if !q.reads() {
		return reply("", http.StatusOK, "application/json", toJSON(map[string]string{"key": s.token(10, string(q.body))}))
	}
	return s.paste(q)
}

// telegram is the Bot API: /bot<token>/<method>.
func (s *Site) telegram(q *request) Response {
	rest, ok := q.under("/bot")
	bot, method, found := strings.Cut(rest, "/")
	if !ok || !found {
		return reply("", http.StatusNotFound, "application/json", `{"ok":false,"error_code":404,"description":"Not Found"}`)
	}
	number, _, _ := strings.Cut(bot, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return reply("", http.StatusUnauthorized, "application/json", `{"ok":false,"error_code":401,"description":"Unauthorized"}`)
	}
	var result any = map[string]any{
		"message_id": 4711, "date": s.opts.Now().Unix(),
		"from": map[string]any{"id": id, "is_bot": true, "first_name": "bot"},
		"chat": map[string]any{"id": q.query.Get("chat_id"), "type": "private"},
		"text": q.query.Get("text"),
	}
	switch strings.ToLower(method) {
	case "getme":
		result = map[string]any{"id": id, "is_bot": true, "first_name": "bot", "username": "notify_bot"}
	case "getupdates":
		result = []any{}
	case "setwebhook", "deletewebhook", "deletemessage":
		result = true
	}
	return reply("", http.StatusOK, "application/json", toJSON(map[string]any{"ok": true, "result": result}))
}

// discord is a webhook: executed without an answer, unless it is waited for.
func (s *Site) discord(q *request) Response {
	if !strings.Contains(q.path, "/webhooks/") {
		return s.took(q)
	}
	hook := path.Base(path.Dir(q.path))
	if q.reads() {
		return reply("", http.StatusOK, "application/json", toJSON(map[string]any{"type": 1, "id": hook, "name": "hook", "channel_id": "1098452345678901234"}))
	}
	if q.query.Get("wait") != "true" {
		return reply("", http.StatusNoContent, "", "")
	}
	return reply("", http.StatusOK, "application/json", toJSON(map[string]any{"id": "1187654321098765432", "type": 0, "channel_id": "1098452345678901234", "webhook_id": hook}))
}

func (s *Site) slack(q *request) Response {
	if q.within("hooks.slack.com") {
		return reply("", http.StatusOK, "text/html", "ok")
	}
	return reply("", http.StatusOK, "application/json", `{"ok":true}`)
}
