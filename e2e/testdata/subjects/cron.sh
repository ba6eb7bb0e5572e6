# Its table, /etc/cron.d/clock, is a file of the image.
start() { exec cron -f; }
ready() { pgrep cron >/dev/null; }
load() { for i in $(seq 30); do /etc/cron.daily/dpkg && /etc/cron.daily/logrotate; done; }
