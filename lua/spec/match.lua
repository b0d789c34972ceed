-- match: matchers, which stand for a value where arguments are compared: match.is_number(), match.matches "^a", match._
--
-- A matcher is called with a value and answers whether it fits. The words before the call are read as assert's are.

local need = ...
local assert, compare, failure, formatter = need "assertion", need "compare", need "failure", need "formatter"
local frame, names, say, values = need "frame", need "names", need "texts", need "values"

local matcher_mt = {__call = function(self, value) return self.callback(value) == self.mod end}

local match = {}

local function new_matcher(name, mod, callback, arguments)
    return setmetatable({name = name, mod = mod, callback = callback, arguments = arguments}, matcher_mt)
end

-- Anything at all.
match._ = new_matcher("_", true, function() return true end, values.list())

function match.is_matcher(value)
    return type(value) == "table" and debug.getmetatable(value) == matcher_mt
end

-- Is it match.ref(object)? It is asked for the object itself, not for the copy that a spy keeps.
function match.is_ref_matcher(value)
    return match.is_matcher(value) and value.name == "ref"
end

local state_mt = {}

function state_mt.__index(state, key)
    if type(key) == "string" then
        names.split(rawget(state, "tokens"), key)
    end
    return state
end

function state_mt.__call(state, ...)
    local words = names.read("matcher", rawget(state, "tokens"))
    local work = setmetatable({mod = rawget(state, "mod"), tokens = {}}, state_mt)
    local arguments = values.list(...)
    local matcher
    for _, word in ipairs(words) do matcher = names.matcher[word] or matcher end
    for _, word in ipairs(words) do
        if names.modifier[word] then
            names.modifier[word].callback(work, not matcher and arguments or nil, 2)
        end
    end
    if not matcher then
        return work
    end
    return new_matcher(matcher.name, rawget(work, "mod"), matcher.callback(work, arguments, 2), arguments)
end

-- A new chain of words.
function match.state()
    return setmetatable({mod = true, tokens = {}}, state_mt)
end

-- The matchers themselves. A callback gets (state, arguments, level) and answers a function of the value.

local function want(ok, key, ...)
    if not ok then
        failure.throw(say("assertion.internal." .. key, {...}), frame.caller())
    end
end

local function want_arguments(arguments, least, name)
    want(arguments.n >= least, "argtolittle", name, least, tostring(arguments.n))
end

local function add(name, callback)
    assert:register("matcher", name, callback)
end

for _, name in ipairs {"nil", "boolean", "number", "string", "table", "function", "userdata", "thread"} do
    add(name, function() return function(value) return type(value) == name end end)
end
add("true", function() return function(value) return value == true end end)
add("false", function() return function(value) return value == false end end)
add("truthy", function() return function(value) return value ~= false and value ~= nil end end)
add("falsy", function() return function(value) return value == false or value == nil end end)

local function equals(_, arguments)
    want_arguments(arguments, 1, "equals")
    return function(value) return value == arguments[1] end
end
add("equal", equals)
add("equals", equals)

add("same", function(_, arguments)
    want_arguments(arguments, 1, "same")
    local wanted = arguments[1]
    return function(value)
        if type(value) == "table" and type(wanted) == "table" then
            return (compare.same(value, wanted, true))
        end
        return value == wanted
    end
end)

add("ref", function(_, arguments)
    local kind = type(arguments[1])
    want_arguments(arguments, 1, "ref")
    want(kind == "table" or kind == "function" or kind == "thread" or kind == "userdata", "badargtype", 1, "ref", "object",
        kind)
    return function(value) return value == arguments[1] end
end)

local function matches(_, arguments)
    want_arguments(arguments, 1, "matches")
    local pattern, init, plain = arguments[1], arguments[2], arguments[3]
    want(type(pattern) == "string", "badargtype", 1, "matches", "string", type(pattern))
    want(init == nil or tonumber(init), "badargtype", 2, "matches", "number", type(init))
    return function(value)
        local text
        if type(value) == "string" or type(value) == "number" or (getmetatable(value) or {}).__tostring then
            text = tostring(value)
        end
        return text ~= nil and string.find(text, pattern, tonumber(init), plain) ~= nil
    end
end
add("match", matches)
add("matches", matches)

add("near", function(_, arguments)
    local numeric = "number or object convertible to a number"
    want_arguments(arguments, 2, "near")
    local wanted, tolerance = tonumber(arguments[1]), tonumber(arguments[2])
    want(wanted, "badargtype", 1, "near", numeric, formatter.text(arguments[1]))
    want(tolerance, "badargtype", 2, "near", numeric, formatter.text(arguments[2]))
    return function(value)
        local number = tonumber(value)
        return number ~= nil and number >= wanted - tolerance and number <= wanted + tolerance
    end
end)

add("unique", function(_, arguments)
    return function(list)
        for k, v in pairs(list) do
            for other, w in pairs(list) do
                if k ~= other and (v == w or (arguments[1] and compare.same(v, w, true))) then
                    return false
                end
            end
        end
        return true
    end
end)

-- all_of, any_of, none_of: of several matchers. `enough` is the answer that decides, `then_so` the verdict with it.
local function composite(name, word, enough, then_so)
    add(name, function(_, arguments)
        want_arguments(arguments, 1, word)
        for i = 1, arguments.n do
            want(match.is_matcher(arguments[i]), "badargtype", 1, word, "matcher", type(arguments[i]))
        end
        return function(value)
            for _, matcher in ipairs(arguments) do
                if matcher(value) == enough then
                    return then_so
                end
            end
            return not then_so
        end
    end)
end
composite("all_of", "all", false, false)
composite("any_of", "any", true, true)
composite("none_of", "none", true, false)

return setmetatable(match, {__index = function(_, key) return match.state()[key] end})
