-- values: lists of values that may hold nil, copies, and what can be called.

local getmetatable, setmetatable = debug.getmetatable, debug.setmetatable

local list_mt = {}

local values = {}

-- A list of values with their number in `n`, known by is_list. Also nil counts.
function values.list(...)
    return setmetatable({n = select("#", ...), ...}, list_mt)
end

function values.is_list(value)
    return getmetatable(value) == list_mt
end

function values.pack(...)
    return {n = select("#", ...), ...}
end

-- As table.unpack, up to t.n.
function values.unpack(t, i, j)
    return table.unpack(t, i or 1, j or t.n or #t)
end

-- Puts a value into a list that may hold nil: at `pos`, or at the end. (t, value) or (t, pos, value)
function values.insert(t, ...)
    local pos, value = ...
    if select("#", ...) < 2 then
        pos, value = nil, pos
    end
    local n = t.n or #t
    pos = pos or n + 1
    t.n = math.max(n + 1, pos)
    for i = n, pos, -1 do t[i + 1] = t[i] end
    t[pos] = value
end

-- Takes a value out of such a list: that at `pos`, or the last.
function values.remove(t, pos)
    local n = t.n or #t
    pos = pos or n
    local value = t[pos]
    t.n = n
    if pos > n then
        t[pos] = nil
        return value
    end
    for i = pos, n do t[i] = t[i + 1] end
    t.n = n - 1
    return value
end

-- Empties a list of values; its other fields stay.
function values.clear(t)
    for i = t.n or #t, 1, -1 do t[i] = nil end
    t.n = nil
end

-- A copy of the table itself, with its metatable. Anything else is returned as it is.
function values.shallow(t)
    if type(t) ~= "table" then
        return t
    end
    local copy = {}
    for k, v in next, t do copy[k] = v end
    return setmetatable(copy, getmetatable(t))
end

-- A copy of the table and all in it. What `keep` answers true for stays the same object; metatables are shared,
-- with `deep_metatables` copied.
function values.deep(t, deep_metatables, keep, seen)
    if type(t) ~= "table" or (keep and keep(t)) then
        return t
    end
    seen = seen or {}
    if seen[t] then
        return seen[t]
    end
    local copy = {}
    seen[t] = copy
    for k, v in next, t do copy[k] = values.deep(v, deep_metatables, keep, seen) end
    local mt = getmetatable(t)
    return setmetatable(copy, deep_metatables and values.deep(mt, false, keep, seen) or mt)
end

-- Can it be called?
function values.callable(value)
    if type(value) == "function" then
        return true
    end
    local mt = getmetatable(value)
    return mt ~= nil and type(rawget(mt, "__call")) == "function"
end

-- Is there a text for it that is more than its address?
function values.has_text(value)
    return type(value) == "string" or type(rawget(getmetatable(value) or {}, "__tostring")) == "function"
end

return values
