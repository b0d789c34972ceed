-- formatter: values as failed assertions show them.
--
-- Parameters: TableFormatLevel (so deep; -1: all), TableFormatShowRecursion, TableErrorHighlightCharacter before the
-- keys that lead to a difference, TableErrorHighlightColor ("none", "red", "red.bright" ...).

local need = ...
local compare, snapshot, values = need "compare", need "snapshot", need "values"
local colour = need "colour"
local format, find, gsub, rep = string.format, string.find, string.gsub, string.rep

local formatter = {}

-- A number so that two that differ look different.
local function number_text(n)
    if n ~= n then
        return "NaN"
    elseif n == math.huge then
        return "Inf"
    elseif n == -math.huge then
        return "-Inf"
    end
    local text = format("%.20g", n)
    if math.type(n) == "float" and not find(text, "[%.,]") then
        text = gsub(text, "%d+", "%0.0", 1) -- a float that looks like an integer
    end
    return text
end

local function scalar_text(value)
    return type(value) == "number" and number_text(value) or tostring(value)
end

-- "(table: 0x...) ", without an address where the metatable is protected.
local function table_head(t)
    local mt = debug.getmetatable(t)
    if mt and rawget(mt, "__metatable") ~= nil then
        return "(table) "
    end
    return format("(table: %p) ", t)
end

local function table_text(t, hints)
    local deepest, mark = snapshot.get_parameter "TableFormatLevel", snapshot.get_parameter "TableErrorHighlightCharacter"
    local show_recursion = snapshot.get_parameter "TableFormatShowRecursion"
    local paint = colour.named(snapshot.get_parameter "TableErrorHighlightColor")
    local way, open = hints and hints.crumbs or {}, {}
    mark = mark or ""

    local function inside(part, level, on_the_way)
        if show_recursion and open[part] then
            return "{ ... recursive }"
        elseif next(part) == nil then
            return "{ }"
        elseif level > deepest and deepest >= 0 then
            return "{ ... more }"
        end
        local outer = open[part]
        open[part] = true
        local lines, marked = {}, way[#way - level + 1]
        for _, key in ipairs(compare.sorted_keys(part)) do
            local value, here = part[key], on_the_way and key == marked
            local text
            if type(value) == "table" then
                text = inside(value, level + 1, here)
            else
                text = type(value) == "string" and "'" .. value .. "'" or scalar_text(value)
            end
            local before = here and mark or ""
            lines[#lines + 1] = rep(" ", level * 2 - #before) .. (before ~= "" and paint(before) or "") ..
                "[" .. scalar_text(key) .. "] = " .. text
        end
        open[part] = outer
        return "{\n" .. table.concat(lines, "\n") .. " }"
    end

    return table_head(t) .. inside(t, 1, true)
end

local function list_text(list)
    local texts = {}
    for i = 1, list.n do texts[i] = formatter.text(list[i]) end
    return table.concat(texts, ", ")
end

-- What one value looks like, by type; nil for a type that nobody knows.
local BY_TYPE = {
    ["nil"] = function() return "(nil)" end,
    boolean = function(value) return "(boolean) " .. tostring(value) end,
    number = function(value) return "(number) " .. number_text(value) end,
    string = function(value) return "(string) '" .. value .. "'" end,
    userdata = function(value) return "(userdata) '" .. tostring(value) .. "'" end,
    thread = function(value) return "(thread) '" .. tostring(value) .. "'" end,
    table = table_text,
    ["function"] = function(value)
        local info = debug.getinfo(value, "S")
        return format("%s @ line %s in %s", tostring(value), info.linedefined, info.source)
    end,
}

-- The text of a value by the formatters in force, else tostring's.
function formatter.text(value, hints)
    local text = snapshot.format(value, hints)
    return text == nil and tostring(value) or text
end

-- Formats a list of values in place: args[i], except those of args.nofmt; args.fmtargs[i] are hints.
function formatter.list(args)
    local plain, hints = args.nofmt or {}, args.fmtargs or {}
    for i = 1, args.n or #args do
        if not plain[i] then
            args[i] = formatter.text(args[i], hints[i])
        end
    end
    return args
end

snapshot.add_formatter(function(value, hints) return BY_TYPE[type(value)](value, hints) end)
snapshot.add_formatter(function(value)
    return values.is_list(value) and "(values list) (" .. list_text(value) .. ")" or nil
end)
snapshot.add_formatter(function(value)
    local match = need "match"
    if not match.is_matcher(value) then
        return nil
    elseif value.name == "_" then
        return "(matcher) _ *anything*"
    end
    return format("(matcher) %s%s(%s)", value.mod and "is." or "no.", value.name, list_text(value.arguments))
end)

snapshot.set_parameter("TableFormatLevel", 3)
snapshot.set_parameter("TableFormatShowRecursion", false)
snapshot.set_parameter("TableErrorHighlightCharacter", "*")
snapshot.set_parameter("TableErrorHighlightColor", "none")

return formatter
