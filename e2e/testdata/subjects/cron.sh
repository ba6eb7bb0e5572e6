start() {
	echo '* * * * * root date >>/var/log/clock && find /var/log -name "*.gz" -mtime +7' >/etc/cron.d/clock
	exec cron -f
}
ready() { pgrep cron >/dev/null; }
load() { for i in $(seq 60); do run-parts /etc/cron.daily; done; }
