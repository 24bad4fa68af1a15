#!/usr/bin/env bash
# try-scripts.sh: tries the scripts beside it where nothing can break: uzerp-mfa sandbox -- examples/ci/try-scripts.sh
#
# A sandbox has a database and a Twilio of its own. That is checked first: this script changes users.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
case ${UZERP_MFA_VERIFY_URL:-} in
http://127.0.0.1:*) ;;
*) echo "this is no sandbox: uzerp-mfa sandbox -- $0" >&2; exit 1 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' '# new staff' alice carol >"$work/list"

"$here/../roll-out.sh" "$work/list" "$work/pages" >"$work/first"
"$here/../roll-out.sh" "$work/list" "$work/pages" >"$work/second"
[ "$(grep -c made "$work/first")" = 2 ]
[ "$(grep -c unchanged "$work/second")" = 2 ]

# The phone of the sandbox reads out the code, and uzERP asks for it from now on.
uzerp-mfa --no-input verify alice "$(uzerp-mfa sandbox code alice)"
[ "$(uzerp-mfa user list --state enrolled --match alice --output jsonl | jq -r .username)" = alice ]

code=0
MFA_PAUSE=0 "$here/../nightly.sh" >"$work/mail" || code=$?
[ "$code" = 9 ]                          # the sample users have faults
grep -q 'frank, sid-missing' "$work/mail"
echo "the scripts work with $(uzerp-mfa version --output json | jq -r .version.version)"
