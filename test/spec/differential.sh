#!/bin/sh
# differential.sh RUNNER...: each line of differential.runs by Debian's busted and by RUNNER, TAP compared line by line. Only addresses
# are made alike: busted prints them, we do not. 77 (skipped) without busted for Lua 5.4.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here/differential"
busted="$(command -v busted || true)"
if [ -z "$busted" ] || ! command -v lua5.4 >/dev/null; then
    echo "skipped: no busted, or no lua5.4 (scripts/deps test)"
    exit 77
fi
plain() { sed -E 's/(table|function|thread|userdata|builtin): 0x[0-9a-f]+/\1/g' "$1"; }
runs=0 lines=0 wrong=0
while read -r words; do
    case $words in '' | '#'*) continue ;; esac
    # shellcheck disable=SC2086
    lua5.4 "$busted" -o TAP --pattern=. $words >"$work/busted.out" 2>"$work/busted.err" || true
    # shellcheck disable=SC2086
    "$@" -o TAP --pattern=. $words >"$work/ours.out" 2>"$work/ours.err" || true
    plain "$work/busted.out" >"$work/busted.tap"
    plain "$work/ours.out" >"$work/ours.tap"
    runs=$((runs + 1)) lines=$((lines + $(wc -l <"$work/busted.tap")))
    if ! grep -q '^1\.\.[0-9]' "$work/busted.tap"; then
        echo "busted did not finish: $words"
        wrong=$((wrong + 1))
    elif ! diff -u "$work/busted.tap" "$work/ours.tap" >"$work/diff"; then
        echo "not the same: $words"
        head -n 40 "$work/diff"
        cat "$work/ours.err"
        wrong=$((wrong + 1))
    fi
done <"$here/differential.runs"
echo "$runs runs, $lines lines of TAP, $wrong that differ"
[ "$runs" -ge 30 ] && [ "$wrong" -eq 0 ]
