port=8080
start() { exec perl /subjects/server.pl; }
