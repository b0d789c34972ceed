-- hash: XXH3-128 in its canonical form (xxhsum -H2 says the same), stable buckets, fingerprints without some labels.
equal(hash.hex "", "99aa06d3014798d86001c324468d497f")
equal(#hash.hex(string.rep("x", 100000)), 32)
assert(hash.hex "a" ~= hash.hex "b")
equal(hash.bucket("anything", 1), 0)
local seen = {}
for i = 1, 1000 do
    local b = hash.bucket("key " .. i, 10)
    assert(math.type(b) == "integer" and b >= 0 and b < 10)
    seen[b] = (seen[b] or 0) + 1
    equal(hash.bucket("key " .. i, 10), b)
end
for b = 0, 9 do
    assert(seen[b] > 60 and seen[b] < 140, "buckets are uneven")
end
assert(hash.bucket("x", math.maxinteger) >= 0)
for _, wrong in ipairs {0, -1, 1.5, math.mininteger, 0 / 0, 1 / 0} do
    fails("hash.bucket: argument 2", hash.bucket, "x", wrong)
end
fails("must be a whole number, got string", hash.bucket, "x", "10")

local function made(labels)
    return alert('{"labels":{' .. labels .. '},"fingerprint":"a1b2c3d4e5f60718","startsAt":"2026-11-18T10:00:00Z","status":{"state":"active"}}')
end
local one, turned = made [["a":"1","pod":"x","z":"2"]], made [["z":"2","pod":"y","a":"1"]]
assert(hash.fingerprint(one) ~= hash.fingerprint(turned))
equal(hash.fingerprint(one, {ignore = {"pod"}}), hash.fingerprint(turned, {ignore = {"pod"}}))
equal(hash.fingerprint(one, {ignore = {"pod"}}), hash.fingerprint(made [["a":"1","z":"2"]]))
equal(hash.fingerprint(one, {}), hash.fingerprint(one))
equal(hash.fingerprint(one, {ignore = {"nothing", "pod", "pod"}}), hash.fingerprint(one, {ignore = {"pod"}}))
assert(hash.fingerprint(made [["a":"bc"]]) ~= hash.fingerprint(made [["ab":"c"]]))
assert(hash.fingerprint(made [["a":"b","c":"d"]]) ~= hash.fingerprint(made [["a":"b\u0000c\u0000d"]]))
equal(hash.fingerprint(made [["a":"\u0041"]]), hash.fingerprint(made [["a":"A"]]))
equal(#hash.fingerprint(made ""), 32)
fails("the only option is ignore", hash.fingerprint, one, {ignored = {}})
fails("ignore must be a list", hash.fingerprint, one, {ignore = "pod"})
fails("ignore must be a list of label names", hash.fingerprint, one, {ignore = {1}})
fails("must be an alert, got table", hash.fingerprint, {})
