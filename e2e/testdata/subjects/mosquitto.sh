start() { exec mosquitto; }
ready() { mosquitto_pub -t ready -m yes; }
load() { for i in $(seq 100); do mosquitto_pub -r -t "room/$i" -m "$i degrees"; done; }
