#!/bin/sh
# deps.sh [test]: installs what the demo needs beside Go, where it is missing: PostgreSQL's server programs. With "test" what
# the tests need too: a C compiler for the race detector, and Chromium to look at a page.
set -eu

# The places that internal/pgtemp looks in.
have_postgres() {
	command -v initdb >/dev/null 2>&1 && return 0
	command -v pg_config >/dev/null 2>&1 && [ -x "$(pg_config --bindir)/initdb" ] && return 0
	for dir in /usr/lib/postgresql/*/bin; do
		[ -x "$dir/initdb" ] && return 0
	done
	return 1
}

# The names that cmd/enroll_page_test.go tries. Ubuntu's chromium-browser may be a script that only says where to get one.
have_browser() {
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		path=$(command -v "$name") && ! head -c 16384 "$path" | grep -aq 'snap install' && return 0
	done
	return 1
}

command -v go >/dev/null 2>&1 || { echo "Go 1.26 or newer is needed: https://go.dev/dl/" >&2; exit 1; }

packages=
browser=
have_postgres || packages="postgresql postgresql-client"
if [ "${1:-}" = test ]; then
	command -v "$(go env CC)" >/dev/null 2>&1 || packages="$packages gcc libc6-dev"
	have_browser || browser=chromium
fi
[ -n "$packages$browser" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; }; then
	echo "please install, or have installed (by their names in Debian; PostgreSQL 12 or newer): $packages $browser" >&2
	[ -z "$packages" ] || exit 1
	exit 0 # without a browser one test is skipped
fi
$as_root apt-get update -qq >&2
# Ubuntu has Chromium as a snap only, which can't read the files of the tests.
if [ -n "$browser" ] && ! apt-cache show chromium 2>/dev/null | grep -q '^Filename:.*/chromium_'; then
	echo "there is no Debian package of Chromium here: install one yourself, or Google Chrome" >&2
	browser=
fi
[ -n "$packages$browser" ] || exit 0
echo "installing $packages $browser ..." >&2
# The tests start their own server: Debian's must not make and start another one now.
off=/etc/postgresql-common/createcluster.d/uzerp-mfa.conf
trap '$as_root rm -f "$off"' EXIT
$as_root mkdir -p "${off%/*}"
echo 'create_main_cluster = false' | $as_root tee "$off" >/dev/null
# shellcheck disable=SC2086 # the list is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages $browser >&2
have_postgres
