#!/bin/sh
# deps.sh [race]: installs what the demo and the tests need beside Go, where it is missing: PostgreSQL's server programs,
# and for the race detector a C compiler.
set -eu

# The places that internal/sandbox looks in.
have_postgres() {
	command -v initdb >/dev/null 2>&1 && return 0
	command -v pg_config >/dev/null 2>&1 && [ -x "$(pg_config --bindir)/initdb" ] && return 0
	for dir in /usr/lib/postgresql/*/bin; do
		[ -x "$dir/initdb" ] && return 0
	done
	return 1
}

command -v go >/dev/null 2>&1 || { echo "Go 1.26 or newer is needed: https://go.dev/dl/" >&2; exit 1; }

packages=
have_postgres || packages="postgresql postgresql-client"
if [ "${1:-}" = race ] && ! command -v "$(go env CC)" >/dev/null 2>&1; then
	packages="$packages gcc libc6-dev"
fi
[ -n "$packages" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; }; then
	echo "please install, or have installed: PostgreSQL's server programs, 12 or newer (Debian: $packages)" >&2
	exit 1
fi
echo "installing $packages ..." >&2
$as_root apt-get update -qq >&2
# The tests start their own server: Debian's must not make and start another one now.
off=/etc/postgresql-common/createcluster.d/uzerp-mfa.conf
trap '$as_root rm -f "$off"' EXIT
$as_root mkdir -p "${off%/*}"
echo 'create_main_cluster = false' | $as_root tee "$off" >/dev/null
# shellcheck disable=SC2086 # the list is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
have_postgres
