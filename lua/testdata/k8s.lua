-- k8s: legal by construction, whatever goes in; legal text stays.
local function name_ok(s) return #s >= 1 and #s <= 63 and s:find "^[a-z0-9][a-z0-9-]*$" and not s:find "-$" end
local function value_ok(s) return #s >= 1 and #s <= 63 and s:find "^[A-Za-z0-9]" and s:find "[A-Za-z0-9]$" and not s:find "[^A-Za-z0-9._-]" end
local function branch_ok(s)
    return #s >= 1 and #s <= 244 and not s:find "[%c ~^:?*%[\\]" and not s:find("..", 1, true) and not s:find("@{", 1, true)
        and not s:find("//", 1, true) and not s:find "^[-/.]" and not s:find "[/.]$" and not s:find "/%." and s ~= "@"
        and not s:find "%.lock$" and not s:find("%.lock/") and utf8.len(s)
end
equal(k8s.name "payments-api", "payments-api")
equal(k8s.name "a--b", "a--b")
equal(k8s.name "High Error Rate!", "high-error-rate")
equal(k8s.name "-a.b_c-", "a-b-c")
equal(k8s.name "x", "x")
equal(#k8s.name(string.rep("a", 63)), 63)
equal(k8s.name(string.rep("a", 63) .. "!!"), string.rep("a", 63))
assert(k8s.name(string.rep("a", 64)):find("^a+%-%x%x%x%x%x%x%x%x$"))
assert(k8s.name(string.rep("a", 64)) ~= k8s.name(string.rep("a", 65)))
equal(k8s.label_value "Payments_api.v1", "Payments_api.v1")
equal(k8s.label_value "_x_", "x")
equal(k8s.label_value "a b/c", "a-b-c")
equal(k8s.branch "fix/payments-api", "fix/payments-api")
equal(k8s.branch "a b..c", "a-b-c")
for _, f in ipairs {k8s.name, k8s.label_value, k8s.branch} do
    local empty = f ""
    assert(empty:find "^x%x%x%x%x%x%x%x%x$", empty)
    assert(f "..." ~= empty and f "..." == f "...")
end
local pieces = {"a", "Z", "0", "-", ".", "_", "/", " ", "\0", "é", "\xff", "@{", "..", "//", ".lock", "HEAD", "@", "\n", "~", string.rep("b", 40)}
local n = 12345
for i = 1, 4000 do
    local s = {}
    for j = 1, i % 9 do
        n = (n * 1103515245 + 12345) % 2147483648
        s[j] = pieces[n // 65536 % #pieces + 1]
    end
    s = table.concat(s)
    assert(name_ok(k8s.name(s)), text_of(s))
    assert(value_ok(k8s.label_value(s)), text_of(s))
    assert(branch_ok(k8s.branch(s)), text_of(s) .. " " .. text_of(k8s.branch(s)))
    equal(k8s.name(k8s.name(s)), k8s.name(s))
    equal(k8s.label_value(k8s.label_value(s)), k8s.label_value(s))
    equal(k8s.branch(k8s.branch(s)), k8s.branch(s))
end
for _, f in ipairs {k8s.name, k8s.label_value, k8s.branch} do
    assert(#f(string.rep("a!", 300000)) <= 244)
    fails("must be a text", f, {})
end
