start() {
	mkdir -p /run/php
	exec php-fpm8.2 -F
}
ready() { test -S /run/php/php8.2-fpm.sock; }
load() {
	cat >/tmp/nginx.conf <<-'END'
		user www-data;
		pid /tmp/nginx.pid;
		events {}
		http {
		  server {
		    listen 80;
		    location / {
		      include /etc/nginx/fastcgi_params;
		      fastcgi_param SCRIPT_FILENAME /subjects/page.php;
		      fastcgi_pass unix:/run/php/php8.2-fpm.sock;
		    }
		  }
		}
	END
	nginx -c /tmp/nginx.conf
	ab -q -n 200 -c 4 http://127.0.0.1/ >/dev/null
	nginx -c /tmp/nginx.conf -s quit
}
