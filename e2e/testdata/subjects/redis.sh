start() { exec setpriv --reuid=redis --regid=redis --init-groups redis-server --dir /tmp; }
ready() { redis-cli ping | grep -q PONG; }
load() { redis-benchmark -q -n 3000 -t set,get,lpush,incr && redis-cli bgsave; }
