#!/bin/sh
# test-postgres.sh [-all] [-cases] [-table FILE] VERSION...: runs the tests that have a database on other versions of PostgreSQL.
# VERSION is one that scripts/postgres.sh knows, or "installed" for the one of this machine. Of the scripts in
# cmd/testdata/script those run that say "# every version", with -all every one. With -table each version that was run gets
# its row in the table in FILE; the rows of others stay, and the tables of cases are written anew (scripts/cases.awk). With -cases
# only the tests of these tables run, and only these tables are written. The last lines say for each version what was run, and how long it
# took.
set -eu
cd "$(dirname "$0")/.."

all=
only=
table=
while :; do
	case ${1:-} in
	-all) all=yes ;;
	-cases) only=yes ;;
	-table) shift; table=${1:?a file} ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || { echo "usage: scripts/test-postgres.sh [-all] [-table FILE] VERSION..." >&2; exit 2; }

# A version that can't be had is told now, and not after minutes of tests.
for version in "$@"; do
	code=0
	[ "$version" = installed ] || scripts/postgres.sh "$version" >/dev/null || code=$?
	case $code in 0 | 3) ;; *) exit "$code" ;; esac
done

packages="./internal/connect ./internal/db ./internal/pgtemp/... ./internal/sandbox"
scripts=$(grep -l '^# every version$' cmd/testdata/script/*.txtar | sed 's|.*/||; s|\.txtar$||' | paste -sd '|' -)
[ -z "$all" ] || scripts='.*'
# What the tables of cases are made of.
named=$(sed -n 's/^<!-- cases: begin \(.*\) -->$/\1/p' docs/compatibility.md | tr '\n' ' ')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$work/rows"
: >"$work/summary"
: >"$work/cases"
grep -oh '"[^"\\]*_[^"\\]*"' internal/db/*_test.go >"$work/literals"

# tests ARGUMENT... runs go test and adds what it says to $work/report. The race detector is for make test: races are the
# same with every version.
tests() {
	scripts/test.sh -race=false -count=1 -json "$@" >>"$work/report" || failed=1
	export UZERP_MFA_VETTED=yes
}

result=0
for version in "$@"; do
	: >"$work/report"
	failed=0
	began=$(date +%s)
	if [ "$version" = installed ]; then
		unset UZERP_MFA_POSTGRES_BIN
	else
		code=0
		bin=$(scripts/postgres.sh "$version") || code=$?
		if [ "$code" = 3 ]; then
			echo "PostgreSQL $version: left out, there are no programs of it for this machine" >>"$work/summary"
			continue
		fi
		[ "$code" = 0 ] || exit "$code"
		export UZERP_MFA_POSTGRES_BIN="$bin"
	fi
	echo "PostgreSQL $version: running the tests ..." >&2
	# shellcheck disable=SC2086 # the list is meant to be split
	if [ -n "$only" ]; then
		# The last one says which server this is.
		tests -run "^($(echo "$named" | tr -s ' ' '|')TestServerTakesTheSchemaAndGoesAwayWithItsDirectory)\$" ./internal/db ./internal/pgtemp
	else
		tests $packages
	fi
	[ -n "$only" ] || tests -run "^TestScripts\$/^($scripts)\$" ./cmd
	server=$(awk 'match($0, /the server is PostgreSQL [^\\]*/) { print substr($0, RSTART + 25, RLENGTH - 25); exit }' "$work/report")
	case $version,$server in
	installed,?*) ;;
	"${server%%.*},$server") ;;
	*)
		echo "the server of the tests was PostgreSQL ${server:-that said no version}, not $version" >&2
		failed=1
		;;
	esac
	seconds=$(($(date +%s) - began))
	awk -v version="$version" -v server="$server" -v seconds="$seconds" -v failed="$failed" \
		-v rows="$work/rows" -v summary="$work/summary" -v cases="$work/cases" -v literals="$work/literals" -f scripts/tally.awk "$work/report"
	[ "$failed" = 0 ] || result=1
done
cat "$work/summary"
[ "$result" = 0 ] || exit "$result"
[ -n "$table" ] || exit 0
awk -v cases="$work/cases" -f scripts/cases.awk "$table" >"$work/page"
cat "$work/page" >"$table"
[ -z "$only" ] || exit 0
# Of two rows for one version (the first number) the first one counts: it is of this run.
grep -E '^\| [0-9]+\.' "$table" >>"$work/rows" || :
awk '{ split($2, part, "."); if (!seen[part[1]]++) print }' "$work/rows" | sort -n -k 2,2 >"$work/sorted"
awk -v rows="$work/sorted" '
	/^<!-- versions: end/ { while ((getline row <rows) > 0) print row; inside = 0; found++ }
	!inside { print }
	/^<!-- versions: begin/ { inside = 1; found++; print "| PostgreSQL | tests | scripts | left out |"; print "|---|---|---|---|" }
	END { if (found != 2) exit 1 }' "$table" >"$work/page" || { echo "$table lacks the two marks of the table" >&2; exit 1; }
cat "$work/page" >"$table"
