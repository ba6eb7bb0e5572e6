start() { exec squid -N -d 1; }
ready() { curl -sf -o /dev/null -x http://127.0.0.1:3128 http://www.example.com/; }
load() { ab -q -n 300 -c 4 -X 127.0.0.1:3128 http://www.example.com/ >/dev/null; }
