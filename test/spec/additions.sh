#!/bin/sh
# additions.sh RUNNER...: what is ours beside busted (policies, clock, timeline, cases, goldens, the confinement of specs): each file of
# test/spec/additions by RUNNER, its TAP compared with what stands beside it. 77 (skipped) without the runner.
#
# --write writes what should be compared: read the difference before it is committed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
write=no
if [ "$1" = --write ]; then write=yes; shift; fi
command -v "$1" >/dev/null || { echo "skipped: no $1 (scripts/deps test)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here/additions"
wrong=0 files=0
for expected in *.tap; do
    name=${expected%.tap}
    [ -e "$name.lua" ] && file=$name.lua || file=$name.json
    case $name in
    coroutine) [ "${1##*/}" = lua5.4 ] && continue; timeout=1 ;; # there a hook does not follow into coroutines
    confined) timeout=1 ;;
    *) timeout=120 ;;
    esac
    (
        # there is no ceiling for memory in a stock interpreter
        if [ "$name" = confined ] && [ "${1##*/}" = lua5.4 ]; then ulimit -v 500000; fi
        exec "$@" -o TAP --pattern=. --timeout=$timeout "$file"
    ) >"$work/out" 2>"$work/err" || true
    files=$((files + 1))
    if [ $write = yes ]; then
        cp "$work/out" "$expected"
    elif ! diff -u "$expected" "$work/out" >"$work/diff"; then
        echo "not as expected: $file"
        head -n 60 "$work/diff"
        cat "$work/err"
        wrong=$((wrong + 1))
    fi
done
echo "$files files, $wrong that differ"
[ $files -gt 5 ] && [ $wrong -eq 0 ]
