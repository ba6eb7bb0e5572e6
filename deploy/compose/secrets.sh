#!/bin/sh
# secrets.sh [DIR]: make the secrets of compose.yaml, where there are none yet.
set -eu
umask 077
dir=${1:-$(dirname "$0")/secrets}
mkdir -p "$dir"
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
[ ! -e "$dir/pgpass" ] || { echo "secrets.sh: $dir has secrets already" >&2; exit 1; }
database=$(random) key=$(random | cut -c1-20) secret=$(random)
printf '%s' "$database" >"$dir/postgres_password"
printf 'postgres:5432:detonaut:detonaut:%s\n' "$database" >"$dir/pgpass"
printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$key" "$secret" >"$dir/s3_credentials"
printf '{"identities":[{"name":"detonaut","credentials":[{"accessKey":"%s","secretKey":"%s"}],"actions":["Read:detonaut","Write:detonaut","List:detonaut","Tagging:detonaut"]}]}\n' \
	"$key" "$secret" >"$dir/s3_identities.json"
random >"$dir/session_secret"
random >"$dir/salt"
# The containers read them as a user of their own.
chmod 0755 "$dir"
chmod 0644 "$dir"/*
