-- expect: judge: error policy.error
-- expect: stack overflow
local function f(s) return (s:gsub(".", f)) end
return { api = 1, match = 'alertname!=""', filter = function() return f("x") == "" end }
