-- expect: judge: keep priority=1
-- A comparison that raises in the middle of a sort is an ordinary error; the list may be in any order, the policy goes on.
local mt = { __lt = function() error("no order") end }
return { api = 1, match = 'alertname!=""', priority = function()
    local t = {}
    for i = 1, 200 do t[i] = setmetatable({}, mt) end
    return pcall(table.sort, t) and 0 or 1
end }
