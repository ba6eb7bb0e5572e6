port=9100
# It fails where the kernel counts no packets for its netlink sockets, as gVisor does not.
start() { exec prometheus-node-exporter --log.level=error --no-collector.netdev; }
load() { for i in $(seq 20); do curl -sf -o /dev/null http://127.0.0.1:9100/metrics; done; }
