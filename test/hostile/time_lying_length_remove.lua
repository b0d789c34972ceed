-- expect: judge: error policy.error
-- expect: table.remove: the table must have no metatable
local liar = setmetatable({}, { __len = function() return 1 << 53 end })
return { api = 1, match = 'alertname!=""', filter = function() table.remove(liar, 1) return true end }
