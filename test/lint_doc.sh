#!/bin/sh
# lint_doc.sh LINT_TABLE [--write]: the table of the lint's rules in docs/policies.md, between <!-- lint rules --> and
# <!-- end of lint rules -->, must be what the program LINT_TABLE prints; --write makes it so.
set -eu
cd "$(dirname "$0")/.."
page=docs/policies.md
grep -q '^<!-- lint rules -->$' "$page" 2>/dev/null || exit 77
want=$(
    sed -n '1,/^<!-- lint rules -->$/p' "$page"
    echo
    "$1"
    echo
    sed -n '/^<!-- end of lint rules -->$/,$p' "$page"
)
if [ "${2:-}" = --write ]; then
    printf '%s\n' "$want" >"$page"
elif ! printf '%s\n' "$want" | diff -u "$page" -; then
    echo "$page does not list the rules that the lint has: test/lint_doc.sh $1 --write"
    exit 1
fi
