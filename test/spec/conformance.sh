#!/bin/sh
# conformance.sh RUNNER...: busted's and luassert's own specs by our runner, from checkouts that $BUSTED_SRC and $LUASSERT_SRC
# name. Each file must have as many tests as it has under busted, and none may fail, but for those named here, which start processes.
# 77 (skipped) without the checkouts.
set -eu
if [ ! -d "${BUSTED_SRC:-}/spec" ] && [ ! -d "${LUASSERT_SRC:-}/spec" ]; then
    echo "skipped: neither BUSTED_SRC nor LUASSERT_SRC names a checkout of github.com/lunarmodules/busted or luassert"
    exit 77
fi
wrong=0
check() { # directory file tests may-fail
    said=$(cd "$1" && "$runner" -o TAP "spec/$2" 2>&1) || true
    tests=$(printf '%s\n' "$said" | grep -cE '^(not )?ok ' || true)
    failed=$(printf '%s\n' "$said" | grep -c '^not ok ' || true)
    unexpected=$(printf '%s\n' "$said" | grep '^not ok ' | grep -vcE "${4:-^$}" || true)
    echo "$2: $tests tests, $failed failed"
    if [ "$tests" -ne "$3" ] || [ "$unexpected" -ne 0 ]; then
        echo "  expected $3 tests without failures"
        printf '%s\n' "$said" | grep -A 12 '^not ok ' | head -n 60
        wrong=1
    fi
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
runner="$work/runner"
{
    echo '#!/bin/sh'
    printf 'exec'
    for word; do printf " '%s'" "$word"; done
    echo ' "$@"'
} >"$runner"
chmod +x "$runner"
if [ -d "${BUSTED_SRC:-}/spec" ]; then
    for each in core:49 execution_order_sync:5 file_context_support:2 strict:1 randomize:325 file_randomize:100 \
        test_runner/interface:1000 async:2 export:10; do
        check "$BUSTED_SRC" "${each%:*}_spec.lua" "${each#*:}"
    done
    # two of its tests want the checkout to be called busted
    check "$BUSTED_SRC" fixtures_spec.lua 11 "$([ "$(basename "$BUSTED_SRC")" = busted ] || echo 'returns the absolute fixture path')"
    # the last three run bin/busted: a spec of ours starts no process
    check "$BUSTED_SRC" insulate-expose_spec.lua 21 ' - Tests insulate/expose '
else
    echo "BUSTED_SRC names no checkout: busted's own specs are left out"
fi
if [ -d "${LUASSERT_SRC:-}/spec" ]; then
    for each in matchers:30 mocks:8 stub:23 spies:25 state:4 output:49 assertions:54 formatters:16; do
        check "$LUASSERT_SRC" "${each%:*}_spec.lua" "${each#*:}"
    done
else
    echo "LUASSERT_SRC names no checkout: luassert's own specs are left out"
fi
exit "$wrong"
