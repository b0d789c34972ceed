-- expect: judge: error policy.error [stack_eq_recursion.lua:
-- expect: stack overflow
local mt = {}
mt.__eq = function(a, b) return a == b end
local a, b = setmetatable({}, mt), setmetatable({}, mt)
return { api = 1, match = 'alertname!=""', filter = function() return a == b end }
