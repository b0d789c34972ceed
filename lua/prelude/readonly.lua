-- Tables that a policy may read but not change. pairs() walks them in a fixed order: names by bytes, then
-- numbers.

local function before(a, b)
    if type(a) == type(b) then
        return a < b
    end
    return type(a) == "string"
end

-- Takes `t` (strings and integers as keys, and nobody else may hold it) and all tables in it.
local function readonly(t, name)
    local keys = {}
    for key, value in next, t do
        keys[#keys + 1] = key
        if type(value) == "table" then
            t[key] = readonly(value, name .. "." .. tostring(key))
        end
    end
    table.sort(keys, before)

    local function each(t)
        local i = 0
        return function()
            i = i + 1
            local key = keys[i]
            if key ~= nil then
                return key, t[key]
            end
        end
    end

    return setmetatable({}, {
        __index = t,
        __len = function() return #t end,
        __pairs = function() return each(t) end,
        __newindex = function() error(name .. " is read-only; return a value instead", 2) end,
        __tostring = function() return name end,
        __metatable = false,
    })
end

return readonly
