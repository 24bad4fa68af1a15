#!/bin/sh
# twilio-cli.sh: installs Twilio's own command-line program, with which make bench compares, and prints the path of its program.
# It comes from npm, about 180 MB, and goes into $XDG_CACHE_HOME/uzerp-mfa/twilio-cli, or for root into
# /var/cache/uzerp-mfa/twilio-cli. Nothing of the packages is run while they are installed, and all are as they were on one day. It
# ends with 3 if there is no npm.
set -eu
umask 022

version=6.2.4
day=2026-11-20
if [ "$(id -u)" = 0 ]; then
	cache=/var/cache/uzerp-mfa/twilio-cli
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/uzerp-mfa/twilio-cli
fi
# The directory gets its name last, so it is whole.
if [ ! -x "$cache/$version/node_modules/.bin/twilio" ]; then
	command -v npm >/dev/null 2>&1 || { echo "there is no npm: twilio-cli is left out" >&2; exit 3; }
	echo "getting twilio-cli $version ..." >&2
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	npm install --silent --no-audit --no-fund --no-update-notifier --ignore-scripts --before "$day" --prefix "$new" "twilio-cli@$version" >&2
	chmod 755 "$new"
	rm -rf "${cache:?}/$version"
	mv "$new" "$cache/$version"
	trap - EXIT
fi
echo "$cache/$version/node_modules/.bin/twilio"
