port=3000
start() { exec node /subjects/server.js; }
