-- text.json: the same text for the same value.
local function is(value, want) equal(text.json(value), want) end
is(nil, "null") is(true, "true") is(false, "false") is(0, "0") is(-1, "-1") is(math.maxinteger, "9223372036854775807")
is(math.mininteger, "-9223372036854775808") is(1.5, "1.5") is(0.1, "0.1") is(1e300, "1e+300") is(1 / 3, "0.3333333333333333") is(2.0, "2")
is(-0.0, "-0") is("", '""') is('a"b\\c\n\t\0\127', '"a\\"b\\\\c\\n\\u0009\\u0000\\u007f"') is("é🙂", '"é🙂"')
is("\xff\xc3(", '"\u{fffd}\u{fffd}("')
is({}, "{}") is({1, 2, 3}, "[1,2,3]") is({b = 1, a = {true, "x"}, c = {}}, '{"a":[true,"x"],"b":1,"c":{}}')
is({[1] = "a", [3] = "c"}, '{"1":"a","3":"c"}') is({"a", x = 1}, '{"1":"a","x":1}')
is({[10] = 1, [9] = 2, [-1] = 3}, '{"-1":3,"9":2,"10":1}')
local a = alert [[{"labels":{"b":"2","a":"1"},"receivers":[{"name":"r"}],"fingerprint":"a1b2c3d4e5f60718","startsAt":"2026-11-18T10:00:00Z","status":{"state":"active"}}]]
is(a.labels, '{"a":"1","b":"2"}') is(a.receivers, '["r"]') is({x = a.annotations}, '{"x":{}}')
is({{{{{{{{}}}}}}}}, "[[[[[[[{}]]]]]]]")
fails("nested deeper than 8", text.json, {{{{{{{{{}}}}}}}}})
local twice = {1}
is({twice, twice}, "[[1],[1]]")
local cycle = {}
cycle[1] = cycle
fails("holds itself", text.json, cycle)
for _, wrong in ipairs {print, 0 / 0, 1 / 0, -1 / 0} do
    fails("text.json: ", text.json, wrong)
    fails("text.json: ", text.json, {x = {wrong}})
end
fails("cannot be a name", text.json, {[1.5] = 1})
fails("cannot be a name", text.json, {[true] = 1})
fails("argument 1 is missing", text.json)
fails("pairs(alert)", text.json, a)
fails("more than 1048576 bytes", text.json, {string.rep("a", 700000), string.rep("b", 700000)})
-- whatever a table claims about itself is bounded
fails("more than 20000 elements", text.json, setmetatable({}, {__pairs = function() return function(_, i) return (i or 0) + 1, 1 end, {}, nil end}))
