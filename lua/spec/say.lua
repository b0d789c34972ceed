-- say: texts by key in named languages, with %s for what is told with them.
--
--      say:set_namespace "en"; say:set("greeting", "hello %s"); say("greeting", {"you"})   -> "hello you"
--
-- A key that the present language lacks is looked up in the fallback ("en"); one that is nowhere gives nil.

local format, unpack = string.format, table.unpack

local languages = {en = {}}
local present, fallback = "en", "en"

local function language(name)
    languages[name] = languages[name] or {}
    return name
end

local say = {_registry = languages}

-- The language of what is set and said from now on.
function say:set_namespace(name) present = language(name) end
-- Where a key is looked up that the present language lacks.
function say:set_fallback(name) fallback = language(name) end
-- The text of a key, in the present language.
function say:set(key, text) languages[present][key] = text end

local function tell(_, key, values)
    if values ~= nil and type(values) ~= "table" then
        error(format("expected parameter table to be a table, got '%s'", type(values)), 2)
    end
    local text = languages[present][key] or languages[fallback][key]
    if text == nil then
        return nil
    end
    local n = values and math.max(values.n or 0, #values) or 0
    if n == 0 then
        return tostring(text)
    end
    local shown = {}
    for i = 1, n do shown[i] = tostring(values[i]) end
    return format(tostring(text), unpack(shown, 1, n))
end

return setmetatable(say, {__call = tell, __index = function(_, name) return languages[name] end})
