-- expect: judge: error policy.error
-- expect: table.insert: the table must have no metatable
local liar = setmetatable({}, { __len = function() return 1 << 53 end })
return { api = 1, match = 'alertname!=""', filter = function() table.insert(liar, 1, "x") return true end }
