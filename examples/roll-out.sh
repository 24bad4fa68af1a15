#!/usr/bin/env bash
# roll-out.sh LIST DIRECTORY: makes a page with a QR code for each user in LIST (one name a line; - is stdin), and shows what became
# of each.
#
# Run it again after whatever stopped it, kill -9 too. Who is enrolled, or has a page that still works, gets no second one. There
# is no --yes: it would also make pages for people who have left.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=retry.sh
source "$(dirname "$(readlink -f "$0")")/retry.sh"

[ $# = 2 ] || { echo "usage: $0 LIST DIRECTORY" >&2; exit 2; }
directory=$2

# A copy, because a pipe can be read only once. A list that can't be read ends it here.
list=$(mktemp)
trap 'rm -f "$list"' EXIT
cat -- "$1" >"$list"

# An empty list is wrong usage for uzerp-mfa, because a list is rarely empty on purpose. Here it is: nobody is left.
grep -q '^[[:space:]]*[^[:space:]#]' "$list" || { echo "nobody is in $1"; exit 0; }

code=0
report=$(mfa enroll --no-wait --html-dir "$directory" --from-file "$list" --reason roll-out --output json) || code=$?

# Without a report nobody has got a page, and the error is on stderr. With one, each user is in it, also those of an error.
[ -n "$report" ] || exit "$code"
jq -r '.enrollments[] | [.username, .status, .file // .message // ""] | @tsv' <<<"$report"
jq -r '.enrollments | group_by(.status) | map("\(length) \(.[0].status)") | join(", ")' <<<"$report" >&2
exit "$code"
