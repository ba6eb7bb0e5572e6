port=8000
start() { exec python3 -m http.server 8000 --directory /usr/share; }
