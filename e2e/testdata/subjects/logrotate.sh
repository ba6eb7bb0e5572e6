rotate() {
	printf '/var/log/app.log {\n rotate 3\n compress\n missingok\n copytruncate\n}\n' >/tmp/rotate.conf
	for i in $(seq "$1"); do seq 1000 >>/var/log/app.log && logrotate -f -s /tmp/rotate.state /tmp/rotate.conf; done
}
start() { rotate 2; }
tool=yes
ready() { true; }
load() { wait "$server"; rotate 20; }
