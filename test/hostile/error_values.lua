-- expect: judge: keep priority=6
-- expect: compose: ok title=[HighErrorRate]
-- Errors that are no strings: each is caught as what it is, and one that nobody catches is reported by its type.
local values = { [1] = false, [2] = 42, [3] = {}, [4] = function() end,
    [5] = setmetatable({}, { __tostring = function() error("again") end, __name = 1 }) }
return { api = 1, match = 'alertname!=""',
    priority = function()
        local n = 0
        for i = 1, 5 do n = n + (pcall(error, values[i]) and 0 or 1) end
        return n + (pcall(error) and 0 or 1)
    end,
    title = function() error(values[5]) end }
