-- json: alerts and cases as text and back.
--
-- Objects and arrays become tables. Of an empty table it is remembered which it was; one of Lua's own is an object.

local find, format, sub = string.find, string.format, string.sub

local DEPTH_MAX = 100

local json = {null = setmetatable({}, {__tostring = function() return "null" end})}

local arrays = setmetatable({}, {__mode = "k"})

-- A table that is an array even when it is empty.
function json.array(t)
    arrays[t] = true
    return t
end

-- Reading

local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"}

local function fail(text, at, what)
    local _, lines = string.gsub(sub(text, 1, at - 1), "\n", "\n")
    error({sentence = format("line %d: %s", lines + 1, what)}, 0)
end

local function skip(text, at)
    return find(text, "[^ \t\r\n]", at) or #text + 1
end

local function read_escape(text, at)
    local letter = sub(text, at, at)
    if letter ~= "u" then
        return ESCAPES[letter] or fail(text, at, "\\" .. letter .. " is no escape"), at + 1
    end
    local function unit(from)
        return tonumber(string.match(sub(text, from, from + 3), "^%x%x%x%x$") or fail(text, from, "bad \\u"), 16)
    end
    local code = unit(at + 1)
    at = at + 5
    if code >= 0xD800 and code < 0xDC00 and sub(text, at, at + 1) == "\\u" then
        local low = unit(at + 2)
        if low >= 0xDC00 and low < 0xE000 then
            return utf8.char(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), at + 6
        end
    end
    if code >= 0xD800 and code < 0xE000 then
        code = 0xFFFD -- half a pair
    end
    return utf8.char(code), at
end

local function read_string(text, at)
    local parts, from = {}, at + 1
    while true do
        local stop = find(text, '["\\%c]', from)
        if not stop then
            fail(text, at, "a string has no end")
        end
        parts[#parts + 1] = sub(text, from, stop - 1)
        local found = sub(text, stop, stop)
        if found == '"' then
            return table.concat(parts), stop + 1
        elseif found ~= "\\" then
            fail(text, stop, "a control character in a string")
        end
        parts[#parts + 1], from = read_escape(text, stop + 1)
    end
end

local read_value

local function read_members(text, at, depth, close, read_one)
    at = skip(text, at + 1)
    if sub(text, at, at) == close then
        return at + 1
    end
    while true do
        at = skip(text, read_one(at))
        local found = sub(text, at, at)
        if found == close then
            return at + 1
        elseif found ~= "," then
            fail(text, at, "expected ',' or '" .. close .. "'")
        end
        at = skip(text, at + 1)
    end
end

local function read_object(text, at, depth, null)
    local object = {}
    at = read_members(text, at, depth, "}", function(from)
        if sub(text, from, from) ~= '"' then
            fail(text, from, "expected a name in quotes")
        end
        local name, colon = read_string(text, from)
        colon = skip(text, colon)
        if sub(text, colon, colon) ~= ":" then
            fail(text, colon, "expected ':'")
        end
        local value, after = read_value(text, skip(text, colon + 1), depth, null)
        object[name] = value
        return after
    end)
    return object, at
end

local function read_array(text, at, depth, null)
    local array = json.array {}
    at = read_members(text, at, depth, "]", function(from)
        local value, after = read_value(text, from, depth, json.null)
        array[#array + 1] = value
        return after
    end)
    return array, at
end

local WORDS = {["true"] = true, ["false"] = false}

function read_value(text, at, depth, null)
    local first = sub(text, at, at)
    if depth > DEPTH_MAX then
        fail(text, at, "too deep")
    elseif first == "{" then
        return read_object(text, at, depth + 1, null)
    elseif first == "[" then
        return read_array(text, at, depth + 1, null)
    elseif first == '"' then
        return read_string(text, at)
    end
    local number = string.match(text, "^-?%d+%.?%d*[eE]?[-+]?%d*", at)
    if number and tonumber(number) and not find(number, "^-?0%d") then
        return math.tointeger(tonumber(number)) or tonumber(number), at + #number
    end
    local word = string.match(text, "^%l+", at)
    if word == "null" then
        return null, at + 4
    elseif WORDS[word] == nil then
        fail(text, at, first == "" and "it ends too early" or "'" .. (word or first) .. "' is no value")
    end
    return WORDS[word], at + #word
end

-- The value, or nil and a sentence with the line. `null` stands for null in objects (default: the member is left out).
function json.decode(text, null)
    local ok, value = pcall(function()
        local value, at = read_value(text, skip(text, 1), 0, null)
        at = skip(text, at)
        if at <= #text then
            fail(text, at, "there is something behind the value")
        end
        return value
    end)
    if ok then
        return value
    end
    return nil, type(value) == "table" and value.sentence or tostring(value)
end

-- Writing

local function quoted(s)
    return '"' .. string.gsub(s, '[%c"\\\127]', function(c)
        local short = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}
        return short[c] or format("\\u%04x", string.byte(c))
    end) .. '"'
end

local function write(value, depth)
    if type(value) == "string" then
        return quoted(value)
    elseif type(value) == "number" then
        if value ~= value or value == math.huge or value == -math.huge then
            error("JSON has no " .. tostring(value), 0)
        end
        return math.tointeger(value) and format("%d", value) or format("%.17g", value)
    elseif type(value) == "boolean" or value == json.null then
        return tostring(value)
    elseif type(value) ~= "table" then
        error("JSON has no " .. type(value), 0)
    elseif depth > DEPTH_MAX then
        error("too deep for JSON", 0)
    end
    local parts = {}
    if #value > 0 or (arrays[value] and next(value) == nil) then
        for i, each in ipairs(value) do parts[i] = write(each, depth + 1) end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    local names = {}
    for name in pairs(value) do names[#names + 1] = tostring(name) end
    table.sort(names)
    for i, name in ipairs(names) do parts[i] = quoted(name) .. ":" .. write(value[name], depth + 1) end
    return "{" .. table.concat(parts, ",") .. "}"
end

-- The text of a value, names in order. Raises a sentence when there is none.
function json.encode(value)
    return write(value, 0)
end

return json
