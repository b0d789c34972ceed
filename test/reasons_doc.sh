#!/bin/sh
# reasons_doc.sh [--write]: docs/reasons.md must say what core/reconcile/reasons.def says; --write makes it so.
set -eu
cd "$(dirname "$0")/.."
table() {
    sed -n 's/^REASON([A-Z_]*, "\([^"]*\)", "\([^"]*\)")$/| `\1` | \2 |/p' core/reconcile/reasons.def
}
head=$(sed -n '1,/^| Code /p' docs/reasons.md)
want=$(printf '%s\n|---|---|\n%s\n' "$head" "$(table)")
[ "$(table | wc -l)" = "$(grep -c '^REASON(' core/reconcile/reasons.def)" ] || {
    echo "a row of reasons.def has a form that this script does not know"
    exit 1
}
if [ "${1:-}" = --write ]; then
    printf '%s\n' "$want" >docs/reasons.md
elif ! printf '%s\n' "$want" | diff -u docs/reasons.md -; then
    echo "docs/reasons.md is not what reasons.def says: test/reasons_doc.sh --write"
    exit 1
fi
