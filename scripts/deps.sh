#!/bin/sh
# deps.sh [test]: installs PostgreSQL's server programs if they are missing: the demo needs them beside Go. With "test"
# it also installs what the tests need: a C compiler for the race detector, PgBouncer, for root sudo, PHP and libnss-extrausers,
# logrotate, systemd and man-db to look at what the packages bring, and Chromium to look at a page. With "packages" it installs what
# make test-packages needs. Chromium is big, and only one test needs it. So it is not installed with BROWSER=no, or if that would ask for a
# password. The rest works without it.
set -eu

root=${DEPS_ROOT:-} # for the test of this script, which must not touch the machine

# The places where internal/pgtemp looks.
have_postgres() {
	command -v initdb >/dev/null 2>&1 && return 0
	command -v pg_config >/dev/null 2>&1 && [ -x "$(pg_config --bindir)/initdb" ] && return 0
	for dir in "$root"/usr/lib/postgresql/*/bin; do
		[ -x "$dir/initdb" ] && return 0
	done
	return 1
}

# The names that cmd/enroll_page_test.go tries. Ubuntu's chromium-browser may be a script that only says where to get
# the browser.
have_browser() {
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		path=$(command -v "$name") && ! head -c 16384 "$path" | grep -aq 'snap install' && return 0
	done
	return 1
}

have_php() { php -r 'exit(extension_loaded("igbinary") ? 0 : 1);' >/dev/null 2>&1; }

# Debian's is not in everybody's PATH.
have_pooler() { command -v pgbouncer >/dev/null 2>&1 || [ -x "$root/usr/sbin/pgbouncer" ]; }

# A directory of users that is in files of its own: for users that /etc/passwd does not have.
have_directory() {
	for file in "$root"/usr/lib/libnss_extrausers.so.2 "$root"/usr/lib/*/libnss_extrausers.so.2; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

command -v go >/dev/null 2>&1 || { echo "Go 1.26 or newer is needed: https://go.dev/dl/" >&2; exit 1; }

packages=
browser=
[ "${1:-}" = packages ] || have_postgres || packages="postgresql postgresql-client"
if [ "${1:-}" = test ]; then
	command -v "$(go env CC)" >/dev/null 2>&1 || packages="$packages gcc libc6-dev"
	# The tests of sudo's rules run only as root, and are left out without sudo.
	[ "$(id -u)" != 0 ] || command -v sudo >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1 || packages="$packages sudo"
	# PHP writes session files for the tests. Without it, they read files that it wrote once.
	[ "$(id -u)" != 0 ] || have_php || ! command -v apt-get >/dev/null 2>&1 || packages="$packages php-cli php-igbinary"
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		command -v logrotate >/dev/null 2>&1 || packages="$packages logrotate"
		command -v systemd-analyze >/dev/null 2>&1 || packages="$packages systemd"
		command -v lexgrog >/dev/null 2>&1 || packages="$packages man-db"
	fi
	# Tests connect through PgBouncer. Where installing it would ask for a password, they are left out.
	have_pooler || ! command -v apt-get >/dev/null 2>&1 || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; } ||
		packages="$packages pgbouncer"
	# A test that only root runs has users that /etc/passwd does not have.
	[ "$(id -u)" != 0 ] || have_directory || ! command -v apt-get >/dev/null 2>&1 || packages="$packages libnss-extrausers"
	# Tests complete commands in zsh and fish, and run the examples. Where installing these would ask for a password, they are left out.
	for program in zsh fish jq shellcheck ansible-playbook; do
		command -v "$program" >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1 || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; } || case $program in
		ansible-playbook) packages="$packages ansible-core" ;;
		*) packages="$packages $program" ;;
		esac
	done
	[ "${BROWSER:-}" = no ] || have_browser || browser=chromium
fi
if [ "${1:-}" = packages ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	for program in debootstrap lintian rpm; do
		command -v "$program" >/dev/null 2>&1 || packages="$packages $program"
	done
fi
[ -n "$packages$browser" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
can_install() { command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || command -v sudo >/dev/null 2>&1; }; }
without_password() { [ -z "$as_root" ] || sudo -n true 2>/dev/null; }

if [ -z "$packages" ] && { ! can_install || ! without_password; }; then
	echo "there is no Chromium: the test that looks at a page is left out" >&2
	exit 0
fi
please() { echo "please install, or have installed (by their names in Debian; PostgreSQL 12 or newer): ${packages# }" >&2; exit 1; }
can_install || please

# Everything that is done as root. It is one script, so that sudo asks for a password only once, even to clean up.
# $1 has the packages that are needed, $2 is the browser, $3 a prefix for all paths.
# shellcheck disable=SC2016 # this is expanded by the shell that runs it
install='
set -eu
umask 022 # what is made in /etc others must be able to read, whatever the user has set
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
off=$3/etc/postgresql-common/createcluster.d/uzerp-mfa.conf
said=$(mktemp)
quiet=

# In some shells a trap on EXIT does not run on a signal.
trap "rm -f \"\$said\" \"\$off\" \"\$quiet\"" EXIT
trap "exit 129" HUP
trap "exit 130" INT
trap "exit 143" TERM

# apt-get waits for the lock of dpkg, but not for the locks of its lists and of its archive.
apt() {
	for wait in $(seq 300); do
		failed=0
		apt-get -qq -o DPkg::Lock::Timeout=600 "$@" >&2 2>"$said" || failed=1
		if [ "$failed" = 0 ] || ! grep -q "^E: Could not get lock" "$said"; then
			cat "$said" >&2
			return "$failed"
		fi
		[ "$wait" != 1 ] || echo "waiting for another apt to end ..." >&2
		sleep 2
	done
	cat "$said" >&2
	return 1
}
# tell prints what will be installed, and how big it is.
tell() {
	echo "installing $* ..." >&2
	apt-get --assume-no --no-install-recommends -o Debug::NoLocking=true install "$@" 2>/dev/null |
		sed -n "/^Need to get/p; /^After this operation/p; /Download size:/p; /Space needed:/p" >&2
}
get() {
	tell "$@"
	apt install -y --no-install-recommends "$@"
}

apt update
# The tests start their own server, so Debian must not make and start one.
mkdir -p "${off%/*}"
echo "create_main_cluster = false" >"$off"
# The tests start their own PgBouncer too: its service must neither start now nor with the machine.
case $1 in *pgbouncer*)
	if [ ! -e "$3/usr/sbin/policy-rc.d" ]; then
		quiet=$3/usr/sbin/policy-rc.d
		mkdir -p "${quiet%/*}"
		printf "#!/bin/sh\nexit 101\n" >"$quiet"
		chmod 755 "$quiet"
	fi ;;
esac
# shellcheck disable=SC2086 # the list is meant to be split
[ -z "$1" ] || get $1
case $1 in *pgbouncer*) systemctl disable pgbouncer >/dev/null 2>&1 || true ;; esac
[ -n "$2" ] || exit 0
# Ubuntu has Chromium only as a snap, which cannot read the files of the tests.
if ! apt-cache show "$2" 2>/dev/null | grep -q "^Filename:.*/$2"_; then
	echo "there is no package of Chromium here: the test that looks at a page is left out; install one, or Google Chrome, to have it" >&2
	exit 0
fi
echo "Chromium is for one test only: make test BROWSER=no does without it" >&2
get "$2" || echo "Chromium could not be installed: the test that looks at a page is left out" >&2
'
[ -z "$as_root" ] || [ -z "$packages" ] || echo "sudo may ask for your password, to install $packages" >&2
code=0
$as_root sh -c "$install" deps.sh "$packages" "$browser" "$root" || code=$?
case $code in
0) ;;
129 | 130 | 143) exit "$code" ;;
*) [ -z "$packages" ] || please ;;
esac
[ -z "$packages" ] || [ "${1:-}" = packages ] || have_postgres
