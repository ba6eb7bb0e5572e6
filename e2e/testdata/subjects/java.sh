port=8080
start() { exec java -cp /subjects Server; }
