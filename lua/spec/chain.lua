-- chain: `assert`, which can be called, and assert.is_not.same(...): words that end in a call.
--
-- A word that is looked up is remembered; the call reads the words (names.lua). Modifiers change the chain (`not`, `spy`,
-- `message`); the last assertion among the words decides. Its callback gets (state, arguments, level) and answers
-- whether it holds, and a list to return instead of the arguments.

local need = ...
local failure, frame, formatter, names, say = need "failure", need "frame", need "formatter", need "names", need "texts"
local snapshot, values = need "snapshot", need "values"

local assert = {}
local level_mt = {}

-- What is printed: the spec's own message above the assertion's.
local function message_of(key, own, arguments)
    if values.has_text(own) then
        own = tostring(own)
    elseif own ~= nil then
        own = formatter.text(own)
    end
    local text = say(key, formatter.list(arguments))
    return text and own and own .. "\n" .. text or text or own or "assertion failed!"
end

local function apply_modifiers(state, words, ...)
    for _, word in ipairs(words) do
        local modifier = names.modifier[word]
        if modifier then
            modifier.callback(state, ...)
        end
    end
end

local state_mt = {}

-- A chain can be kept and called often, so a call works on a copy.
local function copy_of(state)
    local copy = {}
    for k, v in next, state do copy[k] = v end
    return setmetatable(copy, state_mt)
end

function state_mt.__index(state, key)
    if type(key) == "string" then
        names.split(rawget(state, "tokens"), key)
    end
    return state
end

function state_mt.__call(state, ...)
    local words = names.read("assertion", rawget(state, "tokens"))
    local arguments = values.list(...)
    local assertion
    for _, word in ipairs(words) do assertion = names.assertion[word] or assertion end
    if not assertion then
        rawset(state, "tokens", {})
        apply_modifiers(state, words, arguments, 2)
        return state
    end
    local work = copy_of(state)
    apply_modifiers(work, words)
    local holds, instead = assertion.callback(work, arguments, 2)
    local positive = rawget(work, "mod")
    if (not holds) == positive then
        local key = positive and assertion.positive_message or assertion.negative_message
        local detail = rawget(work, "detail")
        failure.throw(message_of(key, rawget(work, "failure_message"), arguments), frame.caller(),
            positive and detail and detail() or nil)
    end
    if instead then
        return values.unpack(instead)
    end
    return ...
end

-- A new chain.
function assert.state()
    return setmetatable({mod = true, tokens = {}}, state_mt)
end

assert.register = names.register
assert.unregister = names.unregister
function assert.add_formatter(_, f) snapshot.add_formatter(f) end
function assert.remove_formatter(_, f) snapshot.remove_formatter(f) end
function assert.set_parameter(_, name, value) snapshot.set_parameter(name, value) end
function assert.get_parameter(_, name) return snapshot.get_parameter(name) end
function assert.add_spy(_, spy) snapshot.add_spy(spy) end
function assert.snapshot() return snapshot.take() end
function assert.format(_, arguments) return formatter.list(arguments) end
-- For the third argument of assert(): whose line the failure has, 1 being the caller.
function assert.level(_, level) return setmetatable({level = level}, level_mt) end
function assert.get_level(_, value) return getmetatable(value) == level_mt and value.level or nil end

local mt = {}

function mt.__index(_, key)
    return assert.state()[key]
end

-- As Lua's own, but it fails the test. Any message will do.
function mt.__call(_, value, message, level, ...)
    if not value then
        local above = assert:get_level(level)
        failure.throw(message or "assertion failed!", above and frame.where(above + 1) or frame.caller())
    end
    return value, message, level, ...
end

return setmetatable(assert, mt)
