-- failure: what an assertion throws, so that a failed test is told from one that broke; and `pending`.

local frame = ...
frame = frame "frame"
local getmetatable = debug.getmetatable

local shown = {__index = {}, __type = "failure", __tostring = function(e) return tostring(e.message) end}
local bare = {__index = {}, __type = "failure"} -- its message is no text
local postponed = {__index = {}, __type = "pending", __tostring = function(p) return tostring(p.message) end}
local details = setmetatable({}, {__mode = "k"})

local failure = {}

-- Can tostring() say something about it?
function failure.is_text(value)
    return type(value) == "string" or (getmetatable(value) or {}).__tostring ~= nil
end

-- "failure", "pending" or "error": what a caught value means for its test.
function failure.kind(value)
    local mt = getmetatable(value)
    if mt == shown or mt == bare then
        return "failure"
    end
    return mt == postponed and "pending" or "error"
end

-- Throws. `where` is put before a message that is a string. `detail` {expected, actual, diff} goes with it.
function failure.throw(message, where, detail)
    local e = {message = type(message) == "string" and where .. message or message}
    details[e] = detail
    error(setmetatable(e, failure.is_text(message) and shown or bare), 0)
end

-- What an assertion knew of the two sides; nil when there are none.
function failure.detail(value)
    return type(value) == "table" and details[value] or nil
end

-- For specs: a failed test, at the line that called it, or `level` - 1 levels above; level 0: without a position.
function failure.fail(message, level)
    failure.throw(message, level == 0 and "" or frame.where((level or 1) + 1))
end

-- For specs: leaves the test, which is then pending.
function failure.pending(message)
    error(setmetatable({message = message}, postponed), 0)
end

return failure
