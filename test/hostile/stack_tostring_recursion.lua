-- expect: judge: error policy.error
-- expect: stack overflow
local t = {}
setmetatable(t, { __tostring = function() return tostring(t) end })
return { api = 1, match = 'alertname!=""', filter = function() return tostring(t) == "" end }
