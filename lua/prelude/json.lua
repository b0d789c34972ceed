-- text.json: any plain value as JSON, the same text for the same value: names in order, no spaces.

local DEPTH_MAX = 8
local NAMES_MAX = 20000
local BYTES_MAX = 1024 * 1024

local function fail(...)
    error("text.json: " .. string.format(...), 0)
end

local function before(a, b)
    if type(a) == type(b) then
        return a < b
    end
    return type(a) == "number"
end

-- The keys in order, and whether they are 1..n.
local function sorted_keys(t)
    local keys, list = {}, true
    for key in pairs(t) do
        if type(key) ~= "string" and math.type(key) ~= "integer" then
            fail("a %s cannot be a name", math.type(key) or type(key))
        end
        keys[#keys + 1] = key
        if #keys > NAMES_MAX then
            fail("a table of more than %d elements", NAMES_MAX)
        end
    end
    table.sort(keys, before)
    for i, key in ipairs(keys) do
        list = list and key == i
    end
    return keys, list and #keys > 0
end

local add

local function add_table(out, t, open)
    if open[t] then
        fail("the table holds itself")
    elseif open.depth == DEPTH_MAX then
        fail("tables are nested deeper than %d", DEPTH_MAX)
    end
    open[t], open.depth = true, open.depth + 1
    local keys, list = sorted_keys(t)
    out[#out + 1] = list and "[" or "{"
    for i, key in ipairs(keys) do
        if i > 1 then
            out[#out + 1] = ","
        end
        if not list then
            out[#out + 1] = internal.quote(tostring(key)) .. ":"
        end
        add(out, t[key], open)
    end
    out[#out + 1] = list and "]" or "}"
    open[t], open.depth = nil, open.depth - 1
end

function add(out, v, open)
    local kind = type(v)
    if kind == "string" then
        out[#out + 1] = internal.quote(v)
    elseif kind == "number" then
        if v ~= v or v == math.huge or v == -math.huge then
            fail("%s is no number that JSON knows", tostring(v))
        end
        out[#out + 1] = internal.number(v)
    elseif kind == "boolean" or kind == "nil" then
        out[#out + 1] = kind == "nil" and "null" or tostring(v)
    elseif kind == "table" or kind == "userdata" then
        return add_table(out, v, open)
    else
        fail("a %s has no form in JSON", kind)
    end
    open.bytes = open.bytes + #out[#out]
    if open.bytes > BYTES_MAX then
        fail("more than %d bytes", BYTES_MAX)
    end
end

local json = {}

function json.json(...)
    if select("#", ...) == 0 then
        fail("argument 1 is missing")
    end
    local out = {}
    add(out, (...), {depth = 0, bytes = 0})
    return table.concat(out)
end

return json
