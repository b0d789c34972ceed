-- expect: judge: error policy.bad_return
-- expect: returned a table
local t = setmetatable({}, { __index = error, __pairs = error, __len = error, __tostring = error, __eq = error, __call = error })
t.self = t
return { api = 1, match = 'alertname!=""', filter = function() return t end }
