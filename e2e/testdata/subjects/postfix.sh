start() { exec postfix start-fg; }
ready() { postfix status && python3 -c 'import smtplib; smtplib.SMTP("127.0.0.1").noop()'; }
load() {
	for i in $(seq 20); do
		echo "Report $i" | sendmail root
		echo "Hello $i" | sendmail "somebody@example$i.com"
	done
	sleep 3
	postqueue -p
}
