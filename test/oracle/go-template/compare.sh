#!/bin/sh
# compare.sh DIR PROGRAM [SEED [N]]: N random templates through Go and through PROGRAM (go-template-vectors).
# Exits 77, "skipped", where there is no Go of the version that go.mod names.
set -eu
dir=$1 program=$2 seed=${3:-1} n=${4:-3000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOTOOLCHAIN=local GOFLAGS=-mod=mod GOWORK=off
if ! (cd "$dir" && go build -o "$work/oracle" .) >"$work/log" 2>&1; then
    if command -v go >/dev/null && ! grep -q 'requires go >=' "$work/log"; then
        cat "$work/log"
        exit 1
    fi
    echo "skipped: no Go, or one too old: $(head -n 1 "$work/log")"
    exit 77
fi
"$work/oracle" -seed "$seed" -n "$n" >"$work/cases.json"
"$program" "$work/cases.json"
