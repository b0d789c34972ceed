-- compare: are two values the same all the way down, and if not, where do they part?

local getmetatable = debug.getmetatable
local format, floor = string.format, math.floor

local compare = {}

local RANK = {number = 1, boolean = 2, string = 3, table = 4, ["function"] = 5, userdata = 6, thread = 7}

-- The keys of a table in a fixed order: 1..#t, other numbers, booleans, strings, then the rest as it comes.
function compare.sorted_keys(t)
    local keys, length = {}, #t
    for key in next, t do keys[#keys + 1] = key end
    local function rank(key)
        if type(key) == "number" and key >= 1 and key <= length and floor(key) == key then
            return 0
        end
        return RANK[type(key)] or 8
    end
    table.sort(keys, function(a, b)
        local first, second = rank(a), rank(b)
        if first ~= second then
            return first < second
        elseif type(a) == "string" or type(a) == "number" then
            return a < b
        end
        return type(a) == "boolean" and a and not b -- true before false
    end)
    return keys
end

-- Pairs of tables that are being compared count as equal: so cycles end, and only a difference in what can be
-- reached makes two graphs different.
local function walk(a, b, ignore_eq, open)
    if type(a) ~= "table" or type(b) ~= "table" then
        return a == b
    end
    local mt = getmetatable(a)
    if mt and mt == getmetatable(b) and mt.__eq then
        if not ignore_eq then
            return a == b
        end
    elseif rawequal(a, b) then
        return true
    end
    open[a] = open[a] or {}
    if open[a][b] then
        return true
    end
    open[a][b] = true
    for _, key in ipairs(compare.sorted_keys(a)) do
        if b[key] == nil then
            return false, {key}
        end
        local same, way = walk(rawget(a, key), b[key], false, open)
        if not same then
            way = way or {}
            way[#way + 1] = key
            return false, way
        end
    end
    for _, key in ipairs(compare.sorted_keys(b)) do
        if a[key] == nil then
            return false, {key}
        end
    end
    return true
end

-- True, or false and the keys that lead to the first difference, the innermost first. With `ignore_eq` the
-- two values' own __eq is not asked (that of values inside is).
function compare.same(a, b, ignore_eq)
    return walk(a, b, ignore_eq, {})
end

local function step(path, key)
    if type(key) == "string" and string.find(key, "^[%a_][%w_]*$") then
        return path == "" and key or path .. "." .. key
    end
    return format("%s[%s]", path, type(key) == "string" and format("%q", key) or tostring(key))
end

local function collect(expected, actual, path, found, most, open, show)
    if #found >= most or compare.same(expected, actual) then
        return
    end
    local inside = type(expected) == "table" and type(actual) == "table" and not (open[expected] or open[actual])
    if not inside then
        found[#found + 1] = {path = path, expected = show(expected), actual = show(actual)}
        return
    end
    open[expected], open[actual] = true, true
    local seen = {}
    for _, key in ipairs(compare.sorted_keys(expected)) do
        seen[key] = true
        collect(expected[key], actual[key], step(path, key), found, most, open, show)
    end
    for _, key in ipairs(compare.sorted_keys(actual)) do
        if not seen[key] then
            collect(nil, actual[key], step(path, key), found, most, open, show)
        end
    end
    open[expected], open[actual] = nil, nil
end

-- Where two tables differ: up to `most` of {path = "labels.team", expected = "'a'", actual = "'b'"}; `show` makes
-- texts of values.
function compare.differences(expected, actual, most, show)
    local found = {}
    collect(expected, actual, "", found, most, {}, show)
    return found
end

return compare
