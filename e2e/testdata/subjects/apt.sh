upgrade() {
	rm -f /etc/apt/sources.list.d/*
	echo 'deb [trusted=yes] http://deb.debian.org/debian bookworm main' >/etc/apt/sources.list
	for i in $(seq "$1"); do
		apt-get -qq update && apt-get -qq -y upgrade && apt-get -qq clean
	done
}
start() { upgrade 1; }
tool=yes
ready() { true; }
load() { wait "$server"; upgrade 5; }
