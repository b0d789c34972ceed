-- Functions that a library does not have.
--- case missing ones, with what to write instead
local a = math.random(10) --> error: 'math.random' does not exist in a policy; use hash.bucket
local b = string.dump(print) --> error: 'string.dump' does not exist
local c = string.trim(" x ") --> error: use text.trim
local d = table.getn({}) --> error: use #
--- case did you mean
local a = string.formt("%d", 1) --> error: did you mean 'format'?
local b = text.trimend(" ") --> error: did you mean 'trim_end'?
local c = policy.extends(policy.base, {}) --> error: did you mean 'extend'?
--- case through a local
local s = string
local x = s.upperr("a") --> error: 'string.upperr' does not exist in a policy; did you mean 'upper'?
--- case what is there, and a table of one's own
local a = string.format("%d", math.floor(1.5))
local text2 = {}
text2.foo = 1
local math2 = {random = function() return 4 end}
print(a, text2.foo, math2.random(), table.concat({"a"}), text.split("a b", " "))
--- case one that the file adds itself
function string.shout(s) return string.upper(s) .. "!" end
print(string.shout("a"))
