#!/bin/sh
# ldflags.sh [epoch]: prints the linker flags that tell the program its version, and its commit with that commit's time, if
# they are certain. With "epoch" it prints that time alone, in seconds. VERSION and SOURCE_DATE_EPOCH come first.
set -eu
cd "$(dirname "$0")/.."

# The first commit of this project. A repository without it is somebody else's: a packager's, whose commits say nothing
# about this program. In a shallow clone it is not seen, and the commit stays unknown.
first=14d05e69a5a31a7f5e3c0feaa5a873c1c91f8d04

commit=
epoch=
archived=$(cat internal/release/ARCHIVE)
case $archived in
'$'*)
	if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] && [ "$(git rev-list --max-parents=0 HEAD 2>/dev/null)" = "$first" ]; then
		commit=$(git rev-parse HEAD)
		epoch=$(git log -1 --no-show-signature --format=%ct)
		[ -z "$(git status --porcelain)" ] || commit=$commit-modified
	fi ;;
*)
	commit=${archived% *}
	epoch=${archived#* } ;;
esac
epoch=${SOURCE_DATE_EPOCH:-$epoch}

if [ "${1:-}" = epoch ]; then
	echo "$epoch"
	exit
fi
flag() { printf ' -X uzerp-mfa/internal/release.%s=%s' "$1" "$2"; }
{
	flag version "${VERSION:-$(cat internal/release/VERSION)}"
	[ -z "$commit" ] || flag commit "$commit"
	# GNU and BusyBox have -d @, the BSDs and macOS -r.
	[ -z "$epoch" ] || flag date "$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$epoch" +%Y-%m-%dT%H:%M:%SZ)"
	echo
} | sed 's/^ //'
