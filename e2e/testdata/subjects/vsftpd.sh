start() {
	mkdir -p /run/vsftpd/empty
	printf 'listen=YES\nlocal_enable=NO\nanonymous_enable=YES\nsecure_chroot_dir=/run/vsftpd/empty\nbackground=NO\n' >/tmp/vsftpd.conf
	exec vsftpd /tmp/vsftpd.conf
}
ready() { curl -sf ftp://127.0.0.1/; }
load() { for i in $(seq 30); do curl -sf ftp://127.0.0.1/; done; }
