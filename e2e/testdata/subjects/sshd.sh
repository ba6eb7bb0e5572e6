start() {
	mkdir -p /run/sshd
	ssh-keygen -A
	exec /usr/sbin/sshd -D -e
}
ready() { ssh-keyscan 127.0.0.1 2>/dev/null | grep -q ssh-; }
load() { for i in $(seq 15); do ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes root@127.0.0.1 uptime; done; }
