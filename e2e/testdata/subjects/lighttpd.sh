start() { exec lighttpd -D -f /etc/lighttpd/lighttpd.conf; }
