-- expect: judge: keep
local t = print
for _ = 1, 5000 do t = setmetatable({}, { __call = t }) end
return { api = 1, match = 'alertname!=""', filter = function() t() return true end }
