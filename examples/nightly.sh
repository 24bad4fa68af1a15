#!/usr/bin/env bash
# nightly.sh: looks for what should not be, and prints the text of a mail, or nothing. In /etc/cron.d/uzerp-mfa, with
# retry.sh beside it:
#
#   PATH=/usr/local/bin:/usr/bin:/bin
#   UZERP_ROOT=/var/www/uzerp
#   17 3 * * * root /usr/local/lib/uzerp-mfa/nightly.sh 2>&1 | mail -E -s 'uzerp-mfa' it@example.com
#
# It changes nothing. It ends with 9 if something was found, with 7 if only something could not be looked at tonight, with
# another code if a check itself is broken (4: its settings), and with 0 otherwise.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=retry.sh
source "$(dirname "$(readlink -f "$0")")/retry.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=0 unknown=0 broken=0

# look TITLE FILTER COMMAND... runs a check, and prints what FILTER takes out of its JSON.
look() {
	local title=$1 filter=$2 code=0
	shift 2
	mfa "$@" --output json >"$work/report" 2>"$work/errors" || code=$?
	case $code in
	0) return ;;
	9) found=1 ;;
	7) unknown=1 title="$title: not everything could be looked at" ;;
	*) [ "$broken" != 0 ] || broken=$code; title="$title: this check is broken (exit code $code)" ;;
	esac
	printf '%s\n\n' "$title"
	if [ -s "$work/report" ]; then
		jq -r "$filter" "$work/report" | sed 's/^/  /'
	fi
	if [ "$code" != 9 ]; then
		tail -n 1 "$work/errors" | jq -Rr '. as $line | try (fromjson | .error | .message, .hint // empty) catch $line' | sed 's/^/  /' # that of the last attempt
	fi
	echo
}

look 'Differences between uzERP and Twilio' \
	'.findings[] | "\(.username // .uuid // "the service"), \(.kind): \(.message)"' reconcile
look 'Somebody may have the password of these users' \
	'(.histories[] | "\(.username): \(.diagnosis.message)", "  \(.diagnosis.help[])"),
		(.unknown[] | "\(.): could not be asked about")' user history --all --suspicious
look 'The installation is not in order' \
	'.checks[] | select(.status == "warn" or .status == "fail") | "\(.status), \(.id): \(.message)", "  \(.hint // empty)"' doctor

[ "$found" = 0 ] || exit 9
[ "$broken" = 0 ] || exit "$broken"
[ "$unknown" = 0 ] || exit 7
