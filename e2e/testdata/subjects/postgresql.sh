PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PGDATA=/var/lib/postgresql/data PGHOST=/tmp PGUSER=postgres
start() {
	install -d -o postgres -g postgres -m 700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups sh -c \
		'initdb --auth=trust >/dev/null && exec postgres -c listen_addresses="*" -c unix_socket_directories=/tmp'
}
ready() { pg_isready -q; }
load() { pgbench -q -i postgres && pgbench -n -c 4 -t 100 postgres; }
