#!/usr/bin/env bash
# leaver.sh TICKET USER...: ends the sessions of people who have left, and removes their second factor.
#
# First take away "access enabled" in uzERP's administration, which no command does. Run it again after whatever stopped it.
# PHP_INI, if set, is the php.ini of the web server's PHP. The user names are exact.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=retry.sh
source "$(dirname "$(readlink -f "$0")")/retry.sh"

[ $# -ge 2 ] || { echo "usage: $0 TICKET USER..." >&2; exit 2; }
ticket=$1
shift

# Names in a file are compared exactly. Arguments of a command that only reads may also be parts of a person's name.
names=$(mktemp)
trap 'rm -f "$names"' EXIT
printf '%s\n' "$@" >"$names"

enabled=$(mfa user show --offline --from-file "$names" --output json | jq -r '.users[].user | select(.access_enabled) | .username')
if [ -n "$enabled" ]; then
	printf 'access is still enabled in uzERP, so nothing was changed: %s\n' "$enabled" >&2
	exit 6
fi

options=(--end-sessions --yes --reason 'has left' --ticket "$ticket" --output json)
[ -z "${PHP_INI:-}" ] || options+=(--php-ini "$PHP_INI")
code=0
report=$(mfa user reset "${options[@]}" --from-file "$names") || code=$?
[ -n "$report" ] || exit "$code"
jq -r '.results[] | [.username, .status, .message] | @tsv' <<<"$report"
exit "$code"
