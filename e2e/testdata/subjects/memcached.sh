start() { exec memcached -u memcache; }
ready() { python3 /subjects/memcached.py 1; }
load() { python3 /subjects/memcached.py 3000; }
