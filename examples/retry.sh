# shellcheck shell=bash
# retry.sh: for the other examples, which read it with "source".

# mfa ARGUMENT... runs uzerp-mfa, which asks nothing, and prints what its last attempt printed. It tries again only after 7: the
# database or Twilio did not answer, and what was done until then stays. Names come from a file, because stdin is empty the
# second time.
mfa() {
	local code attempt answer
	for attempt in 1 2 3; do
		code=0
		answer=$(uzerp-mfa --no-input "$@") || code=$?
		[ "$code" = 7 ] || break
		[ "$attempt" = 3 ] || sleep "$((attempt * ${MFA_PAUSE:-20}))"
	done
	[ -z "$answer" ] || printf '%s\n' "$answer"
	return "$code"
}
