#!/bin/sh
# Everything that must hold before a change lands; the test runner's summary comes last.
set -eu
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not formatted, run gofmt -w: $unformatted" >&2; exit 1; }
go vet ./...
exec go test -race -shuffle=on -timeout 20m ./...
