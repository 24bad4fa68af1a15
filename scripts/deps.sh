#!/bin/sh
# Installs what the tests and the demo need beside Go, where it is missing: PostgreSQL's server programs, and a C compiler
# for the race detector.
set -eu

have_postgres() {
	command -v initdb >/dev/null 2>&1 && command -v pg_restore >/dev/null 2>&1 && return 0
	for dir in /usr/lib/postgresql/*/bin; do
		[ -x "$dir/initdb" ] && command -v pg_restore >/dev/null 2>&1 && return 0
	done
	return 1
}

command -v go >/dev/null 2>&1 || { echo "Go 1.26 or newer is needed: https://go.dev/dl/" >&2; exit 1; }
have_postgres && command -v "$(go env CC)" >/dev/null 2>&1 && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "install PostgreSQL's server (initdb, postgres) and client (pg_restore), 12 or newer, and a C compiler" >&2; exit 1; }
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing PostgreSQL and gcc ..." >&2
$sudo apt-get update -qq >&2
# The tests start their own server: Debian's must not make and start another one now.
off=/etc/postgresql-common/createcluster.d/uzerp-mfa.conf
$sudo mkdir -p "${off%/*}"
echo 'create_main_cluster = false' | $sudo tee "$off" >/dev/null
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends postgresql postgresql-client gcc libc6-dev >&2
$sudo rm -f "$off"
have_postgres
