start() {
	printf 'server:\n  interface: 127.0.0.1\n  username: unbound\n  chroot: ""\n  use-syslog: no\n  pidfile: /run/unbound.pid\n' >/tmp/unbound.conf
	exec unbound -d -c /tmp/unbound.conf
}
ready() { dig +time=1 +tries=1 @127.0.0.1 localhost | grep -q NOERROR; }
load() { for i in $(seq 50); do dig +time=5 @127.0.0.1 "www$i.example.com" >/dev/null; done; }
