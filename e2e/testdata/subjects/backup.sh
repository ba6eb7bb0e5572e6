save() {
	mkdir -p /backup
	for i in $(seq "$1"); do tar -czf "/backup/etc-$i.tar.gz" /etc /var/lib/dpkg/info 2>/dev/null; done
	ls /backup | head -n -2 | while read -r old; do rm "/backup/$old"; done
}
start() { save 1; }
ready() { true; }
load() { wait "$server"; save 5; }
