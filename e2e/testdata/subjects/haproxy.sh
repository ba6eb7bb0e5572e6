port=8080
start() {
	cat >/tmp/haproxy.cfg <<-END
		defaults
		  mode http
		  timeout connect 5s
		  timeout client 5s
		  timeout server 5s
		frontend web
		  bind :8080
		  http-request return status 200 content-type text/plain string ready
	END
	exec haproxy -W -db -f /tmp/haproxy.cfg
}
