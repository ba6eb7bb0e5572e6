start() { exec named -g -u bind; }
ready() { dig +time=1 +tries=1 @127.0.0.1 localhost | grep -q NOERROR; }
load() { for i in $(seq 50); do dig +time=5 @127.0.0.1 "www$i.example.com" >/dev/null; done; }
