-- stub: a spy in the place of t[key] that does not call what was there.
--
--      stub(t, "key")   stub(t, "key", 1, 2)   stub(t, "key").returns(1)   .invokes(f)   .on_call_with("a").returns(2)

local need = ...
local assert, call, failure, frame, spy, values =
    need "assertion", need "call", need "failure", need "frame", need "spy", need "values"

local stub = {}

local function returner(...)
    local list = values.pack(...)
    return function() return values.unpack(list) end
end

-- A stub for t[key], which must be callable or nil. Further arguments are what it returns; a single function is
-- what it calls. Without arguments a stub that stands nowhere.
function stub.new(t, key, ...)
    if t == nil and key == nil then
        t, key = {}, ""
    end
    if type(t) ~= "table" or key == nil then
        failure.throw("stub.new(): Can only create stub on a table key, call with 2 params; table, key", frame.caller())
    elseif t[key] ~= nil and not values.callable(t[key]) then
        failure.throw("stub.new(): The element for which to create a stub must either be callable, or be nil",
            frame.caller())
    end
    local original = t[key]
    local first = ...
    local by_default = select("#", ...) == 1 and values.callable(first) and first or returner(...)
    local on_call, answers = {}, {}

    t[key] = function(...)
        local special = call.find_first(on_call, values.list(...))
        if special then
            return answers[special](...)
        end
        return by_default(...)
    end
    local s = spy.on(t, key)

    function s.revert(self)
        if not self.reverted then
            t[key] = original
            self.reverted = true
        end
        return original
    end

    -- What it returns, and what it calls, from now on.
    function s.returns(...)
        by_default = returner(...)
        return s
    end
    function s.invokes(f)
        by_default = function(...) return f(...) end
        return s
    end
    s.by_default = {returns = s.returns, invokes = s.invokes}

    -- The same for calls with these arguments. The first that fits counts.
    function s.on_call_with(...)
        local wanted = call.remember(values.list(...))
        local function answer(f)
            table.insert(on_call, wanted)
            answers[wanted] = f
            return s
        end
        return {
            returns = function(...) return answer(returner(...)) end,
            invokes = function(f) return answer(function(...) return f(...) end) end,
        }
    end
    return s
end

assert:register("modifier", "stub", function(state, arguments)
    state.payload, state.failure_message = arguments[1], arguments[2]
end)

return setmetatable(stub, {__call = function(_, ...) return stub.new(...) end})
