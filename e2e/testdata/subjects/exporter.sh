port=9100
start() { exec prometheus-node-exporter; }
load() { ab -q -n 30 -c 2 http://127.0.0.1:9100/metrics >/dev/null; }
