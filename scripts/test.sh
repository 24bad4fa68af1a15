#!/bin/sh
# Everything that must hold before a change lands; the test runner's summary comes last.
set -eu
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not formatted, run gofmt -w: $unformatted" >&2; exit 1; }
go vet ./...
# Programs with the race detector in them sleep for a second when they end, and the tests start many.
export GORACE=atexit_sleep_ms=0
# Most of the tests wait for processes: more of them than there are cores run at a time.
exec go test -race -shuffle=on -parallel 6 -timeout 30m ./...
