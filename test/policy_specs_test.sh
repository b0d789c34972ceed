#!/bin/sh
# policy_specs.sh notices when specs fail, break, leave early, or are not there.
set -eu
probe=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v busted >/dev/null && command -v lua5.4 >/dev/null || { echo "skipped: no busted, or no lua5.4 (scripts/deps test)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# expect ok|boom NAME: reads the spec
expect() {
    mkdir -p "$work/$2"
    cat >"$work/$2/x_spec.lua"
    if "$here/policy_specs.sh" "$probe" "$work/$2" >"$work/$2/said" 2>&1; then got=ok; else got=boom; fi
    [ "$got" = "$1" ] || { echo "$2: $got, not $1"; cat "$work/$2/said"; bad=1; }
}

P='local p = policies.load("p.lua", {source = "return policy.extend(policy.base, {api = 1, filter = function(a) return a.labels.x == nil or a.labels.x.y end})"})'

expect ok good <<E2
$P
it("keeps", function() assert.is_true(p:decide(alert{alertname = "A"}).keep) end)
E2
expect boom fails <<E2
$P
it("drops", function() assert.is_false(p:decide(alert{alertname = "A"}).keep) end)
E2
expect boom hook_fails <<E2
$P
it("drops", function() assert.is_falsy(p:decide(alert{alertname = "A", x = "1"}).keep) end)
E2
expect boom does_not_load <<'E2'
local p = policies.load("p.lua", {source = "return 1"})
it("is loaded", function() end)
E2
expect boom leaves <<'E2'
it("leaves", function() os.exit(0) end)
E2
expect boom syntax <<'E2'
it("is no Lua", function(
E2
expect boom pending <<'E2'
it("is there", function() end)
pending("is not there yet")
E2
expect boom empty <<'E2'
E2
mkdir -p "$work/none"
if "$here/policy_specs.sh" "$probe" "$work/none" >/dev/null 2>&1; then echo "none: ok, not boom"; bad=1; fi
exit "$bad"
