start() {
	install -d -o mysql -g mysql /run/mysqld /var/lib/mysql
	mariadb-install-db --user=mysql --skip-test-db >/dev/null
	exec mariadbd --user=mysql
}
ready() { mariadb-admin ping; }
load() { mariadb-slap --auto-generate-sql --auto-generate-sql-load-type=mixed --concurrency=4 --number-of-queries=400; }
