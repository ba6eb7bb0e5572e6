start() { cd /subjects && exec python3 -B -m unittest -q suite; }
tool=yes
ready() { true; }
load() { wait "$server"; cd /subjects; for i in $(seq 10); do python3 -B -m unittest -q suite; done; }
