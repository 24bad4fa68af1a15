#!/bin/sh
# The main job of uzerp-mfa, each command as a user would type it. `make demo` runs this in a sandbox: a throwaway
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
run uzerp-mfa user disable-next-login alice
run uzerp-mfa user enable alice

say "The phone is lost: she must enroll a new one."
run uzerp-mfa user reset alice --yes

say "Back to passwords only, for everybody, for when Twilio is down."
run uzerp-mfa set-injector --off --yes
