-- expect: load: return_callable_hook.lua: filter must be a function, got table
return { api = 1, match = 'alertname!=""', filter = setmetatable({}, { __call = function() return true end }) }
