-- expect: judge: error policy.timeout
local t = setmetatable({}, { __index = function() while true do end end })
return { api = 1, match = 'alertname!=""', filter = function() pcall(function() return t.x end) return true end }
