-- Globals that are not there.
--- case what a policy must not have, each with what to write instead
local now = os.time() --> error: 'os.time' does not exist in a policy; use ctx.now
local day = os.date("%A") --> error: use time.format(ctx.now, ...)
local f = io.open("/etc/passwd") --> error: 'io' does not exist in a policy
local lib = require "lib_hours" --> error: use include "lib_x" for lib_x.lua
local co = coroutine.create(print) --> error: coroutines are not there in a policy; use a loop
local g = load("return 1") --> error: code is not made at run time
local n = unpack({1}) --> error: use table.unpack
debug.traceback() --> error: use ctx.note
--- case a word that is almost a global
local n = tonumbr("1") --> error: did you mean 'tonumber'?
--- case a name from nowhere
return policy.extend(policy.base, {
    api = 1,
    filter = function(alert)
        return treshold > 3, "x" --> error: 'treshold' does not exist in a policy
    end,
})
--- case what is there
local n = tonumber("1") or math.huge
print(n, _VERSION)
local t = setmetatable({}, {__index = function() return 1 end})
return policy.extend(policy.base, {
    api = 1,
    filter = function(alert, ctx, super)
        for _, name in ipairs({"a", "b"}) do
            if alert.labels[name] == tostring(t[name]) then
                return false, "a or b"
            end
        end
        return super()
    end,
})
--- case a local of that name is another thing
local os = {time = function() return 1 end}
local now = os.time()
local function f(io) return io.open end
for debug = 1, 2 do print(debug) end
--- case a local is known from its statement on, not before
print(later) --> error: 'later' does not exist
local later = 1
print(later)
do local inner = 1 end
print(inner) --> error: 'inner' does not exist
--- case a repeat's condition sees its locals
repeat local done = true until done
--- case an environment of one's own is not looked into
local _ENV = {x = 1}
y = x
--- case the field of a table is no global
local t = {os = 1}
print(t.os, t.io)
