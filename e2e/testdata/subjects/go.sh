port=8080
start() { exec /subjects/service; }
