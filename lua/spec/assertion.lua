-- assertion: the assertions and modifiers that come with `assert`.
--
-- A callback gets (state, arguments, level). It puts the arguments into the order in which its text tells them, the
-- value that was given before the one that was expected, and answers whether it holds.

local need = ...
local assert, compare, failure, formatter = need "chain", need "compare", need "failure", need "formatter"
local frame, say, values = need "frame", need "texts", need "values"
local gsub = string.gsub

-- Wrong usage: fails the test at the spec's line.
local function refuse(key, ...)
    failure.throw(say(key, {...}), frame.caller())
end

local function want(arguments, least, name)
    if arguments.n < least then
        refuse("assertion.internal.argtolittle", name, least, tostring(arguments.n))
    end
end

local function want_type(ok, number, name, wanted, got)
    if not ok then
        refuse("assertion.internal.badargtype", number, name, wanted, got)
    end
end

local function own_message(state, message)
    if message ~= nil then
        state.failure_message = message
    end
end

local function literal(value)
    if type(value) == "string" then
        return "'" .. value .. "'"
    end
    return frame.without_addresses(tostring(value))
end

-- What the report can tell beside the text: both sides, and where two tables differ.
local function two_sides(state, actual, expected)
    rawset(state, "detail", function()
        local tables = type(actual) == "table" and type(expected) == "table"
        return {
            actual = frame.without_addresses(formatter.text(actual)),
            expected = frame.without_addresses(formatter.text(expected)),
            diff = tables and compare.differences(expected, actual, 20, literal) or nil,
        }
    end)
end

-- (expected, actual, ...) -> (actual, expected, ...)
local function swap(arguments)
    arguments[1], arguments[2] = arguments[2], arguments[1]
end

local function equals(state, arguments)
    want(arguments, 2, "equals")
    swap(arguments)
    two_sides(state, arguments[1], arguments[2])
    own_message(state, arguments[3])
    return arguments[1] == arguments[2]
end

local function same(state, arguments)
    want(arguments, 2, "same")
    swap(arguments)
    local actual, expected = arguments[1], arguments[2]
    two_sides(state, actual, expected)
    own_message(state, arguments[3])
    if type(actual) ~= "table" or type(expected) ~= "table" then
        return actual == expected
    end
    local alike, way = compare.same(expected, actual, true)
    arguments.fmtargs = arguments.fmtargs or {}
    arguments.fmtargs[1], arguments.fmtargs[2] = {crumbs = way}, {crumbs = way}
    return alike
end

local function truthy(state, arguments)
    want(arguments, 1, "truthy")
    own_message(state, arguments[2])
    return arguments[1] ~= false and arguments[1] ~= nil
end

local function falsy(state, arguments)
    want(arguments, 1, "falsy")
    return not truthy(state, arguments)
end

-- The value itself is true or false.
local function is_value(wanted)
    return function(state, arguments)
        values.insert(arguments, 2, wanted)
        two_sides(state, arguments[1], wanted)
        own_message(state, arguments[3])
        return arguments[1] == wanted
    end
end

local function is_type(wanted)
    return function(state, arguments)
        values.insert(arguments, 2, "type " .. wanted)
        arguments.nofmt = arguments.nofmt or {}
        arguments.nofmt[2] = true
        own_message(state, arguments[3])
        return type(arguments[1]) == wanted
    end
end

local function near(state, arguments)
    local numeric = "number or object convertible to a number"
    want(arguments, 3, "near")
    local expected, actual, tolerance = tonumber(arguments[1]), tonumber(arguments[2]), tonumber(arguments[3])
    want_type(expected, 1, "near", numeric, formatter.text(arguments[1]))
    want_type(actual, 2, "near", numeric, formatter.text(arguments[2]))
    want_type(tolerance, 3, "near", numeric, formatter.text(arguments[3]))
    swap(arguments)
    arguments[3] = tolerance
    arguments.nofmt = arguments.nofmt or {}
    arguments.nofmt[3] = true
    own_message(state, arguments[4])
    return actual >= expected - tolerance and actual <= expected + tolerance
end

-- Takes the spec's message out of the arguments from the third on: the first that is no boolean and no number. The
-- number that the third argument had when it was written.
local function take_message(arguments)
    for i = 3, arguments.n do
        local value = arguments[i]
        if value and type(value) ~= "boolean" and not tonumber(value) then
            return values.remove(arguments, i), i == 3 and 4 or 3
        end
    end
    return nil, 3
end

-- The captures, or the pattern itself for a plain search; nil when it does not match.
local function search(text, pattern, init, plain)
    if plain then
        return string.find(text, pattern, init, true) and {pattern} or nil
    end
    local captures = values.pack(string.match(text, pattern, init))
    return captures[1] ~= nil and captures or nil
end

local function matches(state, arguments)
    want(arguments, 2, "matches")
    local pattern, actual = arguments[1], nil
    if values.has_text(arguments[2]) or type(arguments[2]) == "number" then
        actual = tostring(arguments[2])
    end
    local message, third = take_message(arguments)
    local init, plain = arguments[3], arguments[4]
    want_type(type(pattern) == "string", 1, "matches", "string", type(arguments[1]))
    want_type(actual, 2, "matches", "string or object convertible to a string", formatter.text(arguments[2]))
    want_type(init == nil or tonumber(init), third, "matches", "number", type(arguments[3]))
    swap(arguments)
    two_sides(state, arguments[1], pattern)
    own_message(state, message)
    local captures = search(actual, pattern, tonumber(init), plain)
    return captures ~= nil, captures or {n = 0}
end

local function unique(state, arguments)
    local list, deep, message = arguments[1], nil, arguments[2]
    if type(arguments[2]) == "boolean" or (arguments[2] == nil and arguments.n > 2) then
        deep, message = arguments[2], arguments[3]
    elseif type(arguments[3]) == "boolean" then
        deep = arguments[3]
    end
    own_message(state, message)
    for k, v in pairs(list) do
        for other, w in pairs(list) do
            if k ~= other and (v == w or (deep and compare.same(v, w, true))) then
                return false
            end
        end
    end
    return true
end

-- Calls it. True or false, and what it threw, without "file:line: ".
local function attempt(f)
    local ok, thrown = pcall(f)
    if type(thrown) == "string" then
        thrown = gsub(thrown, "^.-:%d+: ", "", 1)
    end
    return ok, thrown
end

-- Error values as text where there is one.
local function as_text(thrown)
    return values.has_text(thrown) and tostring(thrown) or thrown
end

-- Puts what was thrown and what was expected into the arguments.
local function tell_error(state, arguments, ok, thrown, expected, no_expectation)
    arguments.n = 2
    arguments[1] = ok and "(no error)" or thrown
    arguments[2] = expected
    arguments.nofmt = {ok, no_expectation}
    rawset(state, "detail", function()
        return {
            actual = ok and "(no error)" or frame.without_addresses(formatter.text(thrown)),
            expected = no_expectation and expected or frame.without_addresses(formatter.text(expected)),
        }
    end)
end

local function is_error(thrown, expected)
    if expected == nil then
        return true
    elseif type(expected) == "string" and type(as_text(thrown)) == "string" then
        return as_text(thrown) == expected
    elseif type(expected) == "number" and type(thrown) == "string" then
        return tostring(expected) == tostring(tonumber(thrown))
    elseif type(expected) == "table" and type(thrown) == "table" then
        return compare.same(expected, thrown, true)
    end
    return expected == thrown
end

local function has_error(state, arguments)
    local returned = values.shallow(arguments)
    local f, expected, message = arguments[1], arguments[2], arguments[3]
    want_type(values.callable(f), 1, "error", "function or callable object", type(f))
    local ok, thrown = attempt(f)
    returned[1] = type(expected) == "string" and as_text(thrown) or thrown
    tell_error(state, arguments, ok, thrown, expected == nil and "(error)" or expected, expected == nil)
    own_message(state, message)
    return not ok and is_error(thrown, expected), returned
end

local function error_matches(state, arguments)
    want(arguments, 2, "error_matches")
    local returned = values.shallow(arguments)
    local f, pattern = arguments[1], arguments[2]
    want_type(values.callable(f), 1, "error_matches", "function or callable object", type(f))
    want_type(pattern == nil or type(pattern) == "string", 2, "error", "string", type(pattern))
    local message, third = take_message(arguments)
    local init, plain = arguments[3], arguments[4]
    want_type(init == nil or tonumber(init), third, "matches", "number", type(arguments[3]))
    local ok, thrown = attempt(f)
    returned[1] = thrown
    tell_error(state, arguments, ok, thrown, pattern, false)
    own_message(state, message)
    if ok then
        return false, returned
    elseif thrown == nil and pattern == nil then
        return true, {n = 0}
    end
    if values.has_text(thrown) or type(thrown) == "number" or type(thrown) == "boolean" then
        thrown = tostring(thrown)
        returned[1] = thrown
    end
    local captures = type(thrown) == "string" and pattern and search(thrown, pattern, tonumber(init), plain)
    return captures and true or false, captures or returned
end

local function returned_arguments(_, arguments)
    arguments[1], arguments[2] = tostring(arguments[1]), tostring(arguments.n - 1)
    arguments.nofmt = arguments.nofmt or {}
    arguments.nofmt[1], arguments.nofmt[2] = true, true
    arguments.n = math.max(arguments.n, 2)
    return arguments[1] == arguments[2]
end

-- assert.array(t).has.no.holes([length])
local ARRAY = {} -- where the chain keeps its array

local function set_array(state, arguments)
    if arguments.n == 0 then
        failure.throw("No array provided to the array-modifier", frame.caller())
    elseif rawget(state, ARRAY) ~= nil then
        failure.throw("Array already set", frame.caller())
    end
    rawset(state, ARRAY, arguments[1])
end

local function holes(state, arguments)
    local array, length = rawget(state, ARRAY), arguments[1]
    if array == nil then
        failure.throw("No array set, please use the array modifier to set the array to validate", frame.caller())
    elseif length == nil then
        length = 0
        for key in pairs(array) do
            if type(key) == "number" and key > length and math.floor(key) == key then
                length = key
            end
        end
    elseif type(length) ~= "number" then
        failure.throw("expected array length to be of type 'number', got: " .. tostring(length), frame.caller())
    end
    local missing
    for i = 1, length do
        if array[i] == nil then
            missing = i
            break
        end
    end
    arguments[1], arguments.n = missing, missing and 1 or 0
    return missing ~= nil, {n = 1, missing}
end

local function add(name, callback, text)
    local key = "assertion." .. text
    assert:register("assertion", name, callback, key .. ".positive", key .. ".negative")
end

for _, name in ipairs {"boolean", "number", "string", "table", "nil", "userdata", "function", "thread"} do
    add(name, is_type(name), "same")
end
add("true", is_value(true), "same")
add("false", is_value(false), "same")
add("same", same, "same")
add("equal", equals, "equals")
add("equals", equals, "equals")
add("truthy", truthy, "truthy")
add("falsy", falsy, "falsy")
add("near", near, "near")
add("match", matches, "matches")
add("matches", matches, "matches")
add("unique", unique, "unique")
add("error", has_error, "error")
add("errors", has_error, "error")
for _, name in ipairs {"error_match", "error_matches", "match_error", "matches_error"} do
    add(name, error_matches, "error")
end
add("returned_arguments", returned_arguments, "returned_arguments")
add("holes", holes, "array_holes")

for _, name in ipairs {"a", "an", "the", "is", "are", "was", "has", "does"} do
    assert:register("modifier", name, function() end)
end
for _, name in ipairs {"not", "no"} do
    assert:register("modifier", name, function(state) state.mod = not state.mod end)
end
assert:register("modifier", "message", function(state, arguments) state.failure_message = arguments[1] end)
assert:register("modifier", "array", set_array)

assert._VERSION = "Luassert 1.9.0"
assert._DESCRIPTION = "assertions with readable failures, and more of them by assert:register"

return assert
