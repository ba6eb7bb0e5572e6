start() { exec nginx -g 'daemon off;'; }
