start() {
	printf '[supervisord]\nnodaemon=true\nuser=root\n[program:web]\ncommand=nginx -g "daemon off;"\n[program:clock]\ncommand=sh -c "while date; do sleep 5; done"\n' >/tmp/supervisord.conf
	exec supervisord -c /tmp/supervisord.conf
}
