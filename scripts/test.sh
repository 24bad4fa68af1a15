#!/bin/sh
# All checks that must pass before a change is merged. The test runner's summary comes at the end. Only the numbers of
# the tests that were left out, because this machine lacks something, come after it.
set -eu
cd "$(dirname "$0")/.."

if [ "${UZERP_MFA_VETTED:-}" != yes ]; then # scripts/test-postgres.sh comes here several times
	unformatted=$(gofmt -l .)
	[ -z "$unformatted" ] || { echo "not formatted, run gofmt -w: $unformatted" >&2; exit 1; }
	go vet ./...
fi

# The tests get their own home directory and their own directory for temporary files. No test touches the machine: at
# the end both directories must be empty, and the machine's audit log must not have changed. The directories are open to
# others, because the server of the tests does not run as root. Their names are short, because the path of its socket
# has a limit.
own=$(mktemp -d "${TMPDIR:-/tmp}/mfa.XXXXXX")
trap 'rm -rf "$own"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$own"
mkdir -m 700 "$own/home"
mkdir -m 1777 "$own/t" "$own/clusters"
log() { ls -ldAR --time-style=full-iso /var/log/uzerp-mfa /var/log/uzerp-mfa/* 2>/dev/null || :; }
log >"$own/log"

# The go command has its caches and settings in the home directory.
for name in GOCACHE GOENV GOMODCACHE GOPATH; do
	value=$(go env "$name")
	export "$name=$value"
done
# Programs with the race detector sleep for a second when they end, and the tests start many programs.
export GORACE=atexit_sleep_ms=0
code=0
# Most of the tests wait for processes, so more of them run at a time than there are cores.
env -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u XDG_DATA_HOME -u XDG_STATE_HOME HOME="$own/home" TMPDIR="$own/t" UZERP_MFA_LEFT_OUT="$own/left-out" \
	UZERP_MFA_TEST_CLUSTERS="$own/clusters" \
	go test -race -shuffle=on -parallel 6 -timeout 80m "${@:-./...}" || code=$?

# The go command counts its calls in .config/go.
touched=$(cd "$own" && find home t -mindepth 1 ! -path home/.config ! -path home/.config/go ! -path 'home/.config/go/*')
if [ -n "$touched" ]; then
	echo "FAIL: the tests left behind:" "$touched" >&2
	[ "$code" != 0 ] || code=1
fi
if [ "${CI:-}" = true ]; then # in CI no other program writes in this directory
	written=$(find . -path ./.git -prune -o -type f -newer "$own/log" -print)
	if [ -n "$written" ]; then
		echo "FAIL: the tests wrote into the project:" "$written" >&2
		[ "$code" != 0 ] || code=1
	fi
fi
if ! log | cmp -s - "$own/log"; then
	echo "FAIL: /var/log/uzerp-mfa was changed, by a test or by somebody who used uzerp-mfa meanwhile" >&2
	[ "$code" != 0 ] || code=1
fi
if [ -s "$own/left-out" ]; then
	sort -u "$own/left-out" | awk -F '\t' '
		{ key = $1 FS $2 FS $3; if (!n[key]++) order[++kinds] = key }
		END {
			for (i = 1; i <= kinds; i++) {
				split(order[i], part, FS); count = n[order[i]]
				tests = count " test" (count == 1 ? "" : "s")
				if (part[1] == "skipped") printf "left out: %s %s (%s)\n", tests, part[2], part[3]
				else printf "left out: the check %s in %s, which ran (%s)\n", part[2], tests, part[3]
			}
		}'
fi
exit "$code"
