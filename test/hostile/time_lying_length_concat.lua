-- expect: judge: error policy.error
-- expect: table.concat: at most 100000 elements
local liar = setmetatable({}, { __len = function() return 1 << 53 end, __index = function() return "" end })
return { api = 1, match = 'alertname!=""', filter = function() return table.concat(liar) == "" end }
