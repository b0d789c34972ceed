-- expect: judge: error policy.error [stack_concat_recursion.lua:
-- expect: stack overflow
local t = setmetatable({}, {})
getmetatable(t).__concat = function(a, b) return a .. b end
return { api = 1, match = 'alertname!=""', filter = function() return t .. t end }
