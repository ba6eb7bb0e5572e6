package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// What the subject's machine seems to be, to the services that tell an address
// and in the metadata of every cloud.
const (
	PublicAddress  = "18.202.93.41"
	privateAddress = "172.31.24.118"
)

// place is where PublicAddress seems to be.
var place = struct {
	Country, CountryCode, Region, City, Postal, Zone, Organisation string
	Latitude, Longitude                                            float64
}{"Ireland", "IE", "Leinster", "Dublin", "D02", "Europe/Dublin", "AS16509 Amazon.com, Inc.", 53.3331, -6.2489}

// textEchoes tell an address and no more, at any path; those with a line end
// write one.
var (
	textEchoes = []string{"api.ipify.org", "api4.ipify.org", "api64.ipify.org", "ifconfig.me", "ident.me", "v4.ident.me", "ipecho.net", "myip.dnsomatic.com", "ip.tyk.nu", "l2.io"}
	lineEchoes = []string{"icanhazip.com", "ipv4.icanhazip.com", "checkip.amazonaws.com", "ifconfig.co", "ifconfig.io", "ip.sb", "api.ip.sb", "eth0.me", "ip.me", "ipinfo.io", "myexternalip.com", "wtfismyip.com", "whatismyip.akamai.com", "tnx.nl"}
	jsonEchoes = []string{"ip-api.com", "ipapi.co", "ipwho.is", "ipwhois.app", "freegeoip.app", "freegeoip.live", "api.myip.com", "ip.seeip.org", "geolocation-db.com", "api.ipgeolocation.io"}
)

// echo tells the subject an address, and where it is, in the form of the
// service that it asked.
func (s *Site) echo(q *request) (Response, bool) {
	host := strings.TrimPrefix(q.host, "www.")
	answer := "echo/" + host
	line := slices.Contains(lineEchoes, host)
	switch {
	case host == "checkip.dyndns.org" || host == "checkip.dyndns.com":
		body := "<html><head><title>Current IP Check</title></head><body>Current IP Address: " + PublicAddress + "</body></html>\r\n"
		return reply(answer, http.StatusOK, "text/html", body), true
	case slices.Contains(jsonEchoes, host), (line || slices.Contains(textEchoes, host)) && wantsJSON(q):
		return reply(answer, http.StatusOK, "application/json; charset=utf-8", location(host)), true
	case line:
		return reply(answer, http.StatusOK, "text/plain", PublicAddress+"\n"), true
	case slices.Contains(textEchoes, host):
		return reply(answer, http.StatusOK, "text/plain", PublicAddress), true
	}
	return Response{}, false
}

func wantsJSON(q *request) bool {
	return q.query.Get("format") == "json" || strings.Contains(q.path, "json") || q.accepts("application/json") ||
		q.host == "ipinfo.io" && q.path == "/"
}

// location has the fields of the common services: each reads its own.
func location(host string) string {
	fields := map[string]any{"ip": PublicAddress}
	if host != "api.ipify.org" && host != "api64.ipify.org" {
		fields = map[string]any{
			"ip": PublicAddress, "query": PublicAddress, "status": "success", "success": true,
			"country": place.CountryCode, "countryCode": place.CountryCode, "country_code": place.CountryCode, "country_name": place.Country,
			"region": place.Region, "regionName": place.Region, "city": place.City, "zip": place.Postal, "postal": place.Postal,
			"lat": place.Latitude, "lon": place.Longitude, "latitude": place.Latitude, "longitude": place.Longitude, "loc": "53.3331,-6.2489",
			"timezone": place.Zone, "org": place.Organisation, "isp": "Amazon.com, Inc.", "as": place.Organisation,
		}
		if host == "ip-api.com" || host == "ipwho.is" {
			fields["country"] = place.Country
		}
	}
	b, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return "{}"
	}
	return string(b) + "\n"
}

// checks are the pages by which systems tell that they are on the internet.
var checks = []struct{ host, path, kind, body string }{
	{"detectportal.firefox.com", "/success.txt", "text/plain", "success\n"},
	{"detectportal.firefox.com", "/canonical.html", "text/html", "<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>"},
	{"www.msftconnecttest.com", "/connecttest.txt", "text/plain", "Microsoft Connect Test"},
	{"www.msftncsi.com", "/ncsi.txt", "text/plain", "Microsoft NCSI"},
	{"captive.apple.com", "", "text/html", "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"},
	{"nmcheck.gnome.org", "", "text/plain", "NetworkManager is online\n"},
	{"network-test.debian.org", "", "text/plain", "NetworkManager is online\n"},
	{"connectivity-check.ubuntu.com", "", "", ""},
	{"fedoraproject.org", "/static/hotspot.txt", "text/plain", "OK"},
}

// captive answers that there is no portal in between.
func (s *Site) captive(q *request) (Response, bool) {
	if q.path == "/generate_204" || q.path == "/gen_204" {
		return reply("captive", http.StatusNoContent, "", ""), true
	}
	for _, c := range checks {
		if q.host != c.host || c.path != "" && q.path != c.path {
			continue
		}
		if c.body == "" {
			return reply("captive", http.StatusNoContent, "", "").with("X-NetworkManager-Status", "online"), true
		}
		return reply("captive", http.StatusOK, c.kind, c.body).with("X-NetworkManager-Status", "online"), true
	}
	return Response{}, false
}
