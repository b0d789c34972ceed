-- pretty: a table as Lua text over several lines, for errors that are tables. Keys are sorted.

local find, format, gsub, rep = string.find, string.format, string.gsub, string.rep

local KEYWORDS = {}
for word in string.gmatch("and break do else elseif end false for function goto if in local nil not or repeat return " ..
    "then true until while", "%a+") do
    KEYWORDS[word] = true
end

local pretty = {}

-- A string as a Lua literal: long brackets for what has line ends or brackets of its own, else quotes.
local function quoted(s)
    local most
    for equals in string.gmatch(s .. "]", "[%[%]](=*)%f[%[%]]") do
        most = math.max(most or 0, #equals)
    end
    if (find(s, "\n") or most) and not find(s, "\r") then
        local equals = rep("=", (most or -1) + 1)
        return "[" .. equals .. "[" .. (find(s, "^\n") and "\n" or "") .. s .. "]" .. equals .. "]"
    end
    return (gsub(format("%q", s), "\r", "\\r"))
end

local function key_text(key)
    if type(key) == "number" then
        return "[" .. tostring(key) .. "]"
    elseif type(key) == "string" and find(key, "^[%a_][%w_]*$") and not KEYWORDS[key] then
        return key
    end
    local text = quoted(tostring(key))
    return "[" .. (find(text, "^%[") and " " .. text .. " " or text) .. "]"
end

local function before(a, b)
    if type(a) == type(b) then
        return tostring(a) < tostring(b)
    end
    return type(a) < type(b)
end

local write

local function write_table(t, depth, open)
    local inner, lines, listed = rep("  ", depth + 1), {}, {}
    local i = 1
    while true do
        local there, value = pcall(function() return t[i] end)
        if not there or value == nil then break end
        listed[i] = true
        lines[#lines + 1] = inner .. write(value, depth + 1, open)
        i = i + 1
    end
    local names, numbers = {}, {}
    for key in next, t do
        if type(key) ~= "number" then
            names[#names + 1] = key
        elseif not listed[key] then
            numbers[#numbers + 1] = key
        end
    end
    table.sort(names, before)
    table.sort(numbers)
    for _, keys in ipairs {names, numbers} do
        for _, key in ipairs(keys) do
            lines[#lines + 1] = inner .. key_text(key) .. " = " .. write(t[key], depth + 1, open)
        end
    end
    if #lines == 0 then
        return "{\n" .. rep("  ", depth) .. "}"
    end
    return "{\n" .. table.concat(lines, ",\n") .. "\n" .. rep("  ", depth) .. "}"
end

function write(value, depth, open)
    if type(value) == "string" then
        return quoted(value)
    elseif type(value) ~= "table" then
        local text = tostring(value)
        return find(text, " ") and quoted(text) or text
    elseif open[value] then
        return "<cycle>"
    end
    open[value] = true
    local text = write_table(value, depth, open)
    open[value] = nil
    return text
end

-- The text of any value.
function pretty.write(value)
    if type(value) ~= "table" and type(value) ~= "string" then
        return tostring(value)
    end
    return write(value, 0, {})
end

return pretty
