-- spy: a function that remembers how it was called and what it returned.
--
--      local s = spy.new(f)   spy.on(t, "key")   assert.spy(s).was.called(2)   .called_with(...)   s:clear()   s:revert()

local need = ...
local assert, call, failure, frame, values = need "assertion", need "call", need "failure", need "frame", need "values"

local spy = {}
local spy_mt = {}
local methods = {}

function spy_mt.__call(self, ...)
    table.insert(self.calls, call.remember(values.list(...)))
    local returned = values.list(self.callback(...))
    table.insert(self.returnvals, call.remember(returned))
    return values.unpack(returned)
end

-- Puts the original back where it was. Returns it.
function methods.revert(self)
    if not self.reverted then
        if self.target_table and self.target_key ~= nil then
            self.target_table[self.target_key] = self.callback
        end
        self.reverted = true
    end
    return self.callback
end

-- Forgets all calls.
function methods.clear(self)
    self.calls, self.returnvals = {}, {}
    return self
end

-- Was it called (that often)? And how often it was.
function methods.called(self, times, is_enough)
    local count = #self.calls
    if is_enough then
        return is_enough(count, times), count
    elseif times then
        return count == times, count
    end
    return count > 0, count
end

local function found(remembered, wanted)
    local one = call.find_last(remembered, wanted)
    if one then
        return true, one.vals
    end
    local last = remembered[#remembered]
    return false, last and last.vals
end

-- Was it called with these (a list)? And the call that fits, or the last one.
function methods.called_with(self, wanted) return found(self.calls, wanted) end
-- Has it returned these?
function methods.returned_with(self, wanted) return found(self.returnvals, wanted) end

-- A spy on a function (default: one that does nothing).
function spy.new(f)
    f = f or function() end
    if not values.callable(f) then
        error(frame.caller() .. "Cannot spy on type '" .. type(f) .. "', only on functions or callable elements", 0)
    end
    local s = {calls = {}, returnvals = {}, callback = f}
    for name, method in pairs(methods) do s[name] = method end
    setmetatable(s, spy_mt)
    assert:add_spy(s)
    return s
end

function spy.is_spy(value)
    return type(value) == "table" and debug.getmetatable(value) == spy_mt
end

-- Puts a spy in the place of t[key].
function spy.on(t, key)
    local s = spy.new(t[key])
    t[key] = s
    s.target_table, s.target_key = t, key
    return s
end

-- The assertions: assert.spy(s).was.called(2) and so on. `spy` (and `stub`) put the spy into the chain.

local function spy_of(state, name, method)
    local payload = rawget(state, "payload")
    if payload and type(payload) == "table" and payload[method or name] then
        return payload
    elseif payload and type(payload) == "function" and method == "called" then
        error(frame.caller() .. "When calling 'spy(aspy)', 'aspy' must not be the original function, but the spy " ..
            "function replacing the original", 0)
    end
    error(frame.caller() .. "'" .. name .. "' must be chained after 'spy(aspy)'", 0)
end

local function with(method)
    return function(state, arguments)
        local holds, seen = spy_of(state, method)[method](rawget(state, "payload"), arguments)
        local wanted = values.shallow(arguments)
        values.clear(arguments)
        arguments[1], arguments[2], arguments.n = seen, wanted, 2
        return holds
    end
end

local function called(is_enough)
    return function(state, arguments)
        local times = arguments[1]
        if not times and not state.mod then -- was_not.called()
            state.mod, times = true, 0
        end
        local holds, count = spy_of(state, "called", "called"):called(times, is_enough)
        arguments[1] = tostring(times or ">0")
        values.insert(arguments, 2, tostring(count))
        arguments.nofmt = {true, true}
        return holds
    end
end

local function add(name, callback, negative)
    assert:register("assertion", name, callback, "assertion." .. name .. ".positive", "assertion." .. negative)
end
add("called", called(), "called.negative")
add("called_at_least", called(function(n, times) return n >= times end), "called_less_than.positive")
add("called_at_most", called(function(n, times) return n <= times end), "called_more_than.positive")
add("called_more_than", called(function(n, times) return n > times end), "called_at_most.positive")
add("called_less_than", called(function(n, times) return n < times end), "called_at_least.positive")
add("called_with", with "called_with", "called_with.negative")
add("returned_with", with "returned_with", "returned_with.negative")

assert:register("modifier", "spy", function(state, arguments)
    state.payload = arguments[1]
    if arguments[2] ~= nil then
        state.failure_message = arguments[2]
    end
end)

return setmetatable(spy, {__call = function(_, ...) return spy.new(...) end})
