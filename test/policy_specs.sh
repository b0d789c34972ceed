#!/bin/sh
# policy_specs.sh PROBE: runs spec/*_spec.lua by Debian's busted, against a real worker. 77 (skipped) without it.
#
# busted's exit code does not tell everything: a spec that ends the process counts as success, and so does a run without
# tests. So its last word must be a summary, and there must have been tests.
set -eu
export POLICY_PROBE="$1"
cd "$(dirname "$0")/.."
busted=$(command -v busted || true)
if [ -z "$busted" ] || ! command -v lua5.4 >/dev/null; then
    echo "skipped: no busted, or no lua5.4 (scripts/deps test)"
    exit 77
fi
code=0
# a question costs two processes here: not the many of hostile_spec.lua
said=$(lua5.4 "$busted" --helper=test/spec/helper.lua --pattern=_spec --exclude-pattern=hostile --output=plainTerminal \
    --no-auto-insulate ${2:-spec} 2>&1) ||
    code=$?
printf '%s\n' "$said"
summary=$(printf '%s\n' "$said" | grep -E '^[0-9]+ success(es)? / [0-9]+ failures? / [0-9]+ errors? / [0-9]+ pending' | tail -n 1)
case $summary in
'' | '0 success'*) echo "no spec ran"; exit 1 ;;
*' / 0 failures / 0 errors / 0 pending'*) ;;
*) exit 1 ;;
esac
exit "$code"
