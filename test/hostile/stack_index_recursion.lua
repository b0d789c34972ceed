-- expect: judge: error policy.error
-- expect: stack overflow
local t = {}
setmetatable(t, { __index = function(_, k) return t[k .. "x"] end })
return { api = 1, match = 'alertname!=""', filter = function() return t.x == nil end }
