-- names: assertions, modifiers and matchers by name, and how "is_not_nil" is read.

local need = ...
local frame = need "frame"

-- By kind and name in lower case: {callback, name, positive_message, negative_message}.
local names = {assertion = {}, modifier = {}, matcher = {}}

-- Adds one. `positive` and `negative` are keys of `say`.
function names.register(_, kind, name, callback, positive, negative)
    name = string.lower(name)
    names[kind] = names[kind] or {}
    names[kind][name] = {callback = callback, name = name, positive_message = positive, negative_message = negative}
end

-- Forgets one.
function names.unregister(_, kind, name)
    if names[kind] then
        names[kind][string.lower(name)] = nil
    end
end

-- The words of "is_not_same" or "Is.Not.Same" in lower case, added to `words`.
function names.split(words, key)
    for word in string.gmatch(string.lower(key), "[^_]+") do words[#words + 1] = word end
end

-- Reads words as names of `kind` and modifiers, from the end on, the longest name first: so has_property can be one
-- name, or "has" and "property".
function names.read(kind, words)
    local found, known = {}, names[kind]
    local i = #words
    local key
    while i > 0 do
        key = key and words[i] .. "_" .. key or words[i]
        while i > 1 and known[words[i - 1] .. "_" .. key] do
            i = i - 1
            key = words[i] .. "_" .. key
        end
        if names.modifier[key] or known[key] then
            table.insert(found, 1, key)
            key = nil
        end
        i = i - 1
    end
    if key then
        error(frame.caller() .. "luassert: unknown modifier/" .. kind .. ": '" .. key .. "'", 0)
    end
    return found
end

return names
