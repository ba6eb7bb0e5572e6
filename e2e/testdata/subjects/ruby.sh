port=8080
start() { exec ruby /subjects/server.rb; }
