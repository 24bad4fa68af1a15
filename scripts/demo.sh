#!/bin/sh
# The main job of uzerp-mfa, with each command as a user would type it. `make demo` runs this in a sandbox: a throwaway
# PostgreSQL with uzERP's tables, and an emulator of Twilio Verify.
set -eu
exec 2>&1

PATH="$(cd "$(dirname "$0")/.." && pwd)/bin:$PATH"
[ -n "${UZERP_MFA_VERIFY_URL:-}" ] || { echo "run me with: make demo" >&2; exit 1; }

say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

say "Who is there, and what would two-factor login make of them?"
run uzerp-mfa user list

say "What would switching it on change? Nothing is written yet."
run uzerp-mfa set-injector --dry-run

say "Switch it on for the whole site."
run uzerp-mfa set-injector --yes

say "Put alice's phone on it. (On a terminal, enroll asks for the code right away.)"
run uzerp-mfa enroll alice --no-wait --reveal

say "Her phone scanned the QR code and shows a code; she reads it out."
code=$(uzerp-mfa sandbox code alice)
run uzerp-mfa verify alice "$code"
run uzerp-mfa user list --state enrolled

say "The phone is at home today: let her in once with the password alone; then change our mind."
run uzerp-mfa user disable-next-login alice --verified-by in-person --yes
run uzerp-mfa user enable alice

say "She calls: a new phone, with the old number. What happens at her next login, and is it she who calls?"
run uzerp-mfa user show alice
run uzerp-mfa identity send alice --channel sms
code=$(uzerp-mfa sandbox code alice --sms)
run uzerp-mfa identity check alice "$code"

say "It is: let her enroll the new phone. (On a terminal: user reset alice --identify sms does all of it.)"
run uzerp-mfa user reset alice --yes

say "Is the whole installation in order? Not quite: somebody is locked out, so this ends with 9."
run uzerp-mfa doctor || [ $? = 9 ]

say "Back to passwords only, for everybody, for when Twilio is down."
run uzerp-mfa set-injector --off --yes
