-- expect: judge: error policy.memory
local function f(n) return 1 + f(n + 1) end
return { api = 1, match = 'alertname!=""', filter = function() return f(1) > 0 end }
