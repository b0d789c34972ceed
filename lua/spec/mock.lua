-- mock: spies (or stubs) on every function in a table and in the tables in it.

local need = ...
local spy, stub = need "spy", need "stub"

local mock = {}

-- Changes `object` in place and returns it. `as_stub`: with stubs, which call `f` when it is given.
function mock.new(object, as_stub, f)
    local seen = {}
    local function walk(value, owner, key)
        if type(value) == "table" then
            if not spy.is_spy(value) and not seen[value] then
                seen[value] = true
                local keys = {}
                for k in pairs(value) do keys[#keys + 1] = k end
                for _, k in ipairs(keys) do value[k] = walk(value[k], value, k) end
            end
            return value
        elseif type(value) ~= "function" then
            return value
        elseif as_stub then
            return stub(owner, key, f)
        end
        return owner == nil and spy.new(value) or spy.on(owner, key)
    end
    return walk(object)
end

local function on_all(object, method, seen)
    if spy.is_spy(object) then
        return object[method](object)
    elseif type(object) == "table" and not seen[object] then
        seen[object] = true
        local keys = {}
        for k in pairs(object) do keys[#keys + 1] = k end
        for _, k in ipairs(keys) do on_all(object[k], method, seen) end
    end
    return object
end

-- Forgets the calls of all its spies.
function mock.clear(object) return on_all(object, "clear", {}) end
-- Puts all originals back.
function mock.revert(object) return on_all(object, "revert", {}) end

return setmetatable(mock, {__call = function(_, ...) return mock.new(...) end})
