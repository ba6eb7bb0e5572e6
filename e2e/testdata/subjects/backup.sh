save() {
	mkdir -p /backup
	for i in $(seq "$1"); do tar -czf "/backup/data-$i.tar.gz" /var/lib/dpkg/info /usr/share/perl5; done
	ls /backup | head -n -2 | while read -r old; do rm "/backup/$old"; done
}
start() { save 1; }
tool=yes
ready() { true; }
load() { wait "$server"; save 3; }
