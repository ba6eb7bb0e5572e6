start() { exec apache2ctl -D FOREGROUND; }
