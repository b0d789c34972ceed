-- expect: judge: drop policy.filter [seen: os]
local seen = {}
_ENV = setmetatable({ seen = seen }, { __index = function(_, name) return "seen: " .. name end })
return { api = 1, match = 'alertname!=""', filter = function() return false, os end }
