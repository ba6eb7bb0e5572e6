#!/bin/bash
# needs.sh test|bench: see to it that the programs which the tests or the
# benchmarks call are there. Missing ones are installed through apt when that
# is allowed; otherwise it says what to install, and fails.
set -euo pipefail

packages=()
need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null || packages+=("$2")
}

PATH=$PATH:/usr/sbin:/sbin
need mmdebstrap mmdebstrap # makes the Debian root of the real images
if [ "$(id -u)" != 0 ]; then
	need newuidmap uidmap # lets mmdebstrap do so for an ordinary user
fi
# Real clients of the simulated internet, and judges of what it makes.
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates) # what their stores have
need chromium chromium # what the pages are looked at with, and its letters
[ -e /usr/share/fonts/truetype/dejavu ] || packages+=(fonts-dejavu-core)
need curl curl
need dig bind9-dnsutils
need git git
need ip iproute2 # for networks of namespaces
need javac default-jdk-headless
need keytool default-jre-headless
need ldapsearch ldap-utils
need mariadb mariadb-client-core
need mcs mono-mcs # makes an assembly for .NET
need npm npm # fetches what finds barriers in pages
need openssl openssl
need pip3 python3-pip
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql) # the tests start servers of their own
need psql postgresql-client
need redis-cli redis-tools
need ssh-keygen openssh-client
need systemd-analyze systemd # checks units; nothing of it runs
need tlsh tlsh-tools # is what our TLSH is compared with
need tshark tshark
need clamd clamav-daemon # the tests start one of their own
need yara yara
# Makers of archives, and of what is compressed.
need 7z p7zip-full
need ar binutils
need arj arj
need bsdtar libarchive-tools
need cpio cpio
need gcab gcab
need genisoimage genisoimage
need lz4 lz4
need xz xz-utils
need zip zip
need zstd zstd
[ -e /usr/share/clamav-testfiles/clam.exe ] || packages+=(clamav-testfiles) # a harmless file in 44 ways
if [ "${1:-}" = bench ]; then
	need strace strace # is what tracing is compared with
fi

if [ ${#packages[@]} != 0 ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "needs.sh: installing ${packages[*]}" >&2
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq >&2 && apt-get install -qq -y --no-install-recommends "${packages[@]}" >&2 </dev/null && packages=()
	fi
fi
if [ ${#packages[@]} != 0 ]; then
	echo "needs.sh: missing; install them and try again: apt-get install ${packages[*]}" >&2
	exit 1
fi

if [ "$(id -u)" != 0 ] && ! grep -qs "^$(id -un):" /etc/subuid; then
	echo "needs.sh: $(id -un) has no subordinate user ids; allow them and try again:" >&2
	echo "  sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)" >&2
	exit 1
fi
