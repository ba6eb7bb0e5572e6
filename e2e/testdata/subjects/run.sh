#!/bin/sh
# run.sh NAME [load]: what an image of that server, or tool, does by itself; or
# the same with clients that keep it busy, and then its end.
#
# NAME.sh says how to start it, in place of this shell, when it is ready, and
# what its clients do.
set -eu

port=80
ready() { curl -sf -o /dev/null "http://127.0.0.1:$port/"; }
load() { ab -q -n 300 -c 4 "http://127.0.0.1:$port/" >/dev/null; }

. "/subjects/$1.sh"
if [ "${2-}" != load ]; then
	start
	exit
fi
doing=starting
trap 'status=$?; [ "$status" = 0 ] || echo "run.sh: it ended with $status while it was $doing" >&2' EXIT
start &
server=$!
until ready 2>/dev/null; do sleep 0.2; done
doing=serving
load
if [ "${tool-}" ]; then # which has ended, and load has seen how
	exit
fi
doing=ending
kill "$server" # a server that has not survived its clients fails here
status=0
wait "$server" || status=$?
case $status in
0 | 143) ;; # 128 and SIGTERM
*) exit "$status" ;;
esac
